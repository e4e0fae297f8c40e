// A device that does nothing but a stream of transfers.
//
// Models: transfers start when they are due and one of so many places for transfers is free. Does not model: anything
// that decides what to transfer; that is the traffic's.
#pragma once

#include <vector>

#include "pagoda/devices/device_function.h"
#include "pagoda/devices/dma_traffic.h"

namespace pagoda {

class DmaStream final : public DeviceFunction, private AgendaTask {
 public:
  /// At most `transfers` at a time; to keep a channel busy, as many as it has requests outstanding.
  DmaStream(DmaTraffic& traffic, std::uint32_t transfers);

  void attach(DeviceServices& services) override;
  void visit_stats(StatVisitor& visitor) override;

 private:
  struct Place final : AgendaTask, DmaClient {
    void run(Ps at) override { stream->begin(*this, at); }
    void dma_done(DmaJob& /*job*/, Ps at) override { stream->end(*this, at); }

    DmaStream* stream = nullptr;
    DmaTransfer transfer;
    DmaJob job;
  };

  void run(Ps at) override;
  void take_next(Place& place, Ps at);
  void begin(Place& place, Ps at);
  void end(Place& place, Ps at);

  DmaTraffic& traffic_;
  std::vector<Place> places_;
  DeviceServices* services_ = nullptr;
  Ps due_ = 0;  // of the transfer taken last
  std::size_t busy_ = 0;
  Ps end_ = 0;
  std::uint64_t transfers_ = 0, failed_ = 0;
};

}  // namespace pagoda
