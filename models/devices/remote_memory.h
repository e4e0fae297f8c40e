// The memory of another machine as a storage medium: a network and a server instead of flash.
//
// Models: a request and an answer as messages on the network, one after the other in each direction, with headers for
// every 4 KiB; a server that takes some time for each command and serves so many at a time. Does not model: loss and
// congestion (network_link.h has failures), registration of memory, what the server runs beside.
//
// Time of a lone read of n bytes: (headers + n + headers) / rate + 2 x latency + service; of a write the same.
#pragma once

#include "pagoda/devices/storage_medium.h"
#include "pagoda/interconnect/serial_lane.h"
#include "pagoda/memory/physical_memory.h"

namespace pagoda {

class RemoteMemory final : public StorageMedium {
 public:
  explicit RemoteMemory(const MediumConfig& config);

  void peek(std::uint64_t first_block, std::span<unsigned char> to) const override;
  void poke(std::uint64_t first_block, std::span<const unsigned char> from) override;

 private:
  MediumAnswer read_blocks(const MediumRequest& request, std::span<unsigned char> to) override;
  MediumAnswer write_blocks(const MediumRequest& request, std::span<const unsigned char> from) override;
  MediumAnswer discard_blocks(const MediumRequest& request) override;
  double busy_share(Ps elapsed) const override;
  void visit_own_stats(StatVisitor& visitor, Ps elapsed) override;
  void visit_own_probes(ProbeVisitor& visitor) override;

  MediumAnswer exchange(const MediumRequest& request, std::uint64_t there, std::uint64_t back);
  std::uint64_t wire_bytes(std::uint64_t data) const;

  Ps latency_;
  Ps service_;
  std::uint64_t headers_;
  SerialLanes lanes_;
  Servers servers_;
  PhysicalMemory contents_;
  std::uint64_t served_ = 0;
};

}  // namespace pagoda
