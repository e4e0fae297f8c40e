#include "pagoda/workload/trace_reuse.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace pagoda {
namespace {

constexpr std::size_t kFewestTimes = 64 * 1024;

}  // namespace

ReuseDistance::ReuseDistance() : marks_(kFewestTimes) {}

std::uint64_t ReuseDistance::hits(std::uint64_t entries) const {
  std::uint64_t hits = 0;
  const auto magnitudes = static_cast<std::size_t>(std::bit_width(entries));
  for (std::size_t i = 0; i < std::min(magnitudes, by_magnitude_.size()); ++i) hits += by_magnitude_[i];
  return hits;
}

void ReuseDistance::change_page(std::uint64_t page) {
  recent_page_ = page;
  if (now_ + 1 == marks_.size()) renumber();
  ++now_;
  const auto [entry, is_new] = last_use_.try_emplace(page, now_);
  if (!is_new) {
    const std::uint32_t last = std::exchange(entry->second, now_);
    // The marks after its last use are the other pages used since: all of them less those up to and with it.
    const auto distance = static_cast<std::uint64_t>(last_use_.size()) - marked_up_to(last);
    ++by_magnitude_[static_cast<std::size_t>(std::bit_width(distance))];
    mark(last, ~std::uint32_t{0});
  }
  mark(now_, 1);
}

void ReuseDistance::mark(std::uint32_t time, std::uint32_t by) {
  for (; time < marks_.size(); time += time & (0 - time)) marks_[time] += by;
}

std::uint32_t ReuseDistance::marked_up_to(std::uint32_t time) const {
  std::uint32_t count = 0;
  for (; time > 0; time &= time - 1) count += marks_[time];
  return count;
}

/// Closes the gaps between the pages' last uses, so that time starts again behind them.
void ReuseDistance::renumber() {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> in_order;
  in_order.reserve(last_use_.size());
  for (const auto& [page, time] : last_use_) in_order.emplace_back(time, page);
  std::sort(in_order.begin(), in_order.end());
  marks_.assign(std::max(kFewestTimes, 4 * in_order.size()), 0);
  now_ = 0;
  for (const auto& [time, page] : in_order) {
    last_use_[page] = ++now_;
    mark(now_, 1);
  }
}

}  // namespace pagoda
