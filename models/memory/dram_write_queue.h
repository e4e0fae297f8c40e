// The posted writes of one DRAM channel that have not been scheduled yet.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pagoda/base/access.h"
#include "pagoda/memory/dram_burst.h"
#include "pagoda/memory/dram_clocks.h"

namespace pagoda {

/// Posted writes in the order in which they were accepted. A second write to a queued burst merges with the
/// first.
class DramWriteQueue {
 public:
  struct Entry {
    DramBurst burst;
    Clock entered = 0;
    bool scheduled = false;
  };

  explicit DramWriteQueue(std::size_t banks) : row_of_bank_(banks) {}

  std::size_t size() const { return waiting_; }
  bool empty() const { return waiting_ == 0; }
  /// When the latest of the queued writes entered.
  Clock newest() const { return newest_; }
  /// How many of them had entered by `clock`: requests that come late in call order are before others in time.
  std::size_t size_at(Clock clock) const {
    if (newest_ <= clock) return waiting_;
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(),
                                                  [clock](const Entry& entry) { return entry.entered <= clock; }));
  }

  /// Whether a burst was queued at or before `clock`.
  bool holds(Addr number, Clock clock) const {
    if (filter_[slot(number)] == 0) return false;  // almost always enough
    for (const Entry& entry : entries_) {
      if (entry.burst.number == number && entry.entered <= clock) return true;
    }
    return false;
  }

  void push(const DramBurst& burst, Clock entered) {
    entries_.push_back({burst, entered, false});
    ++filter_[slot(burst.number)];
    ++waiting_;
    newest_ = std::max(newest_, entered);
  }

  /// Hands entries that entered after `after` and until `until` to `schedule(entry)` until no more than `keep` of them
  /// are left or `schedule` declines one by returning false. In rounds: in each, a bank's oldest entry and those of
  /// the same row, in the order they came. So a bank does not go back and forth between rows, and the banks and bank
  /// groups still take turns.
  template <typename Schedule>
  void drain(Clock after, Clock until, std::size_t keep, Schedule&& schedule);

 private:
  static std::size_t slot(Addr number) { return (number ^ (number >> 8) ^ (number >> 16)) & 0xff; }

  std::vector<Entry> entries_;
  std::array<std::uint8_t, 256> filter_{};  ///< how many entries share a slot
  std::size_t waiting_ = 0;
  Clock newest_ = 0;
  static constexpr std::uint32_t kNoRow = ~std::uint32_t{0};
  std::vector<std::uint32_t> row_of_bank_;  ///< in the current round of a drain
};

template <typename Schedule>
void DramWriteQueue::drain(Clock after, Clock until, std::size_t keep, Schedule&& schedule) {
  bool going = true;
  std::size_t left = size_at(until) - size_at(after);
  while (going && left > keep) {
    std::fill(row_of_bank_.begin(), row_of_bank_.end(), kNoRow);
    for (Entry& entry : entries_) {
      if (left <= keep) break;
      if (entry.scheduled || entry.entered <= after || entry.entered > until) continue;
      std::uint32_t& row = row_of_bank_[entry.burst.bank];
      if (row == kNoRow) row = entry.burst.row;
      if (row != entry.burst.row) continue;
      going = schedule(std::as_const(entry));
      if (!going) break;
      entry.scheduled = true;
      --filter_[slot(entry.burst.number)];
      --waiting_;
      --left;
    }
  }
  std::erase_if(entries_, [](const Entry& entry) { return entry.scheduled; });
}

}  // namespace pagoda
