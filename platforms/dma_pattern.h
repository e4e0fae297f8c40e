// A pattern as the transfers of a device.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "pagoda/devices/dma_traffic.h"
#include "pagoda/workload/pattern.h"

namespace pagoda {

class DmaPattern final : public DmaTraffic {
 public:
  /// At most `limit` transfers; 0: all.
  DmaPattern(const PatternConfig& config, std::uint64_t limit);

  std::optional<DmaTransfer> next() override;
  void ended(const DmaTransfer& transfer, DmaStatus status, Ps at) override;

  std::uint64_t done() const { return done_; }
  double progress() const;
  Ps last_end() const { return last_end_; }
  void call_after(std::uint64_t count, std::function<void()> callback);

 private:
  std::unique_ptr<AccessSource> source_;
  std::uint64_t total_;
  std::vector<Access> batch_;
  std::size_t next_ = 0;
  std::size_t size_ = 0;
  std::uint64_t done_ = 0;
  Ps last_end_ = 0;
  std::uint64_t call_at_ = ~std::uint64_t{0};
  std::function<void()> callback_;
};

}  // namespace pagoda
