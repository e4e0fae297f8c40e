#include "platforms/dma_pattern.h"

#include <algorithm>

namespace pagoda {

DmaPattern::DmaPattern(const PatternConfig& config, std::uint64_t limit)
    : source_(make_pattern(config)), total_(config.count), batch_(256) {
  if (limit == 0) return;
  source_ = std::make_unique<LimitSource>(std::move(source_), limit);
  total_ = total_ == 0 ? limit : std::min(total_, limit);
}

std::optional<DmaTransfer> DmaPattern::next() {
  if (next_ == size_) {
    size_ = source_->fill(batch_);
    next_ = 0;
    if (size_ == 0) return std::nullopt;
  }
  const Access& access = batch_[next_++];
  return DmaTransfer{.address = access.address,
                     .bytes = access.size,
                     .write = access.kind == RecordKind::store,
                     .gap = access.gap * kNanosecond};
}

void DmaPattern::ended(const DmaTransfer& /*transfer*/, DmaStatus /*status*/, Ps at) {
  last_end_ = std::max(last_end_, at);
  if (++done_ == call_at_) callback_();
}

double DmaPattern::progress() const {
  return total_ == 0 ? 0.0 : std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
}

void DmaPattern::call_after(std::uint64_t count, std::function<void()> callback) {
  call_at_ = count;
  callback_ = std::move(callback);
}

}  // namespace pagoda
