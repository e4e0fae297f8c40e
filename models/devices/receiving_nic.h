// A network interface, and the wire that brings it frames.
//
// Models: frames that come with the times and the bytes of a traffic, whatever the interface (nic.h) does with them:
// those that it has no room for are lost. They do not come faster than the line carries them, each with 24 bytes of
// preamble, check sequence and gap (IEEE 802.3-2018, 3.1.1 and 4.4.2). Does not model: flow control.
#pragma once

#include "pagoda/devices/dma_traffic.h"
#include "pagoda/devices/nic.h"

namespace pagoda {

class ReceivingNic final : public DeviceFunction, private AgendaTask {
 public:
  /// Each transfer of `frames` is one; its address does not matter. It has ended when the frame has come.
  ReceivingNic(const NicConfig& config, Bandwidth line_rate, DmaTraffic& frames)
      : nic_(config), line_rate_(line_rate), wire_(frames) {}

  void attach(DeviceServices& services) override;
  std::optional<std::uint64_t> read_register(Addr offset, Ps at) override { return nic_.read_register(offset, at); }
  bool write_register(Addr offset, std::uint64_t value, Ps at) override {
    return nic_.write_register(offset, value, at);
  }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override { nic_.visit_probes(visitor); }

 private:
  void run(Ps at) override;
  void take_next(Ps at);

  Nic nic_;
  Bandwidth line_rate_;
  DmaTraffic& wire_;
  DeviceServices* services_ = nullptr;
  std::optional<DmaTransfer> coming_;
  Ps due_ = 0;
  Ps line_free_ = 0;
  std::uint64_t frames_ = 0;
};

}  // namespace pagoda
