// A device's pattern of transfers while its process migrates: with data, and through software if it is emulated.
//
// Models: each write carries bytes that no other has. Once trap() was called, transfers are carried out by software, one
// after the other, each no earlier than software is done with the one before. Does not model: software's own way to memory (the transfer goes the device's way).
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "pagoda/devices/dma_traffic.h"
#include "platforms/live_migration_config.h"

namespace pagoda {

class MigratingTraffic final : public DmaTraffic {
 public:
  /// `number` tells the bytes of one device from those of another.
  MigratingTraffic(DmaTraffic& pattern, std::uint32_t number, const EmulationConfig& costs)
      : pattern_(pattern), next_(std::uint64_t{number + 1} << 48), costs_(costs) {}

  /// From now on; `exits` is told of each transfer.
  void trap(std::function<void()> exits) { exits_ = std::move(exits); }
  void release() { exits_ = nullptr; }

  std::optional<DmaTransfer> next() override;
  void ended(const DmaTransfer& transfer, DmaStatus status, Ps at) override;

 private:
  DmaTraffic& pattern_;
  std::uint64_t next_;  // value to write
  EmulationConfig costs_;
  std::function<void()> exits_;
  std::unordered_map<unsigned char*, std::vector<unsigned char>> in_use_;
  std::vector<std::vector<unsigned char>> free_;
};

}  // namespace pagoda
