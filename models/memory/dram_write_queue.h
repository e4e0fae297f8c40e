// The posted writes of one DRAM channel that have not been scheduled yet.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "pagoda/base/access.h"
#include "pagoda/memory/dram_clocks.h"

namespace pagoda {

/// One burst, as a channel sees it.
struct DramBurst {
  Addr number = 0;         ///< address divided by the burst's bytes
  std::uint32_t bank = 0;  ///< rank, bank group and bank as one number, the rank on top
  std::uint32_t row = 0;
  std::uint32_t column = 0;  ///< in bursts
};

/// Posted writes in the order in which they were accepted. A second write to a queued burst merges with the
/// first.
class DramWriteQueue {
 public:
  struct Entry {
    DramBurst burst;
    Clock entered = 0;
    bool scheduled = false;
  };

  std::size_t size() const { return waiting_; }
  bool empty() const { return waiting_ == 0; }
  /// When the latest of the queued writes entered.
  Clock newest() const { return newest_; }

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

  /// Hands entries to `schedule(entry)`, the oldest first and with each those of the same row, until no more
  /// than `keep` are left or `schedule` declines one by returning false.
  template <typename Schedule>
  void drain(std::size_t keep, Schedule&& schedule);

 private:
  static std::size_t slot(Addr number) { return (number ^ (number >> 8) ^ (number >> 16)) & 0xff; }

  std::vector<Entry> entries_;
  std::array<std::uint8_t, 256> filter_{};  ///< how many entries share a slot
  std::size_t waiting_ = 0;
  Clock newest_ = 0;
};

template <typename Schedule>
void DramWriteQueue::drain(std::size_t keep, Schedule&& schedule) {
  bool going = true;
  const auto hand_over = [&](Entry& entry) {
    going = schedule(std::as_const(entry));
    if (!going) return;
    entry.scheduled = true;
    --filter_[slot(entry.burst.number)];
    --waiting_;
  };
  for (std::size_t i = 0; going && i < entries_.size() && waiting_ > keep; ++i) {
    if (entries_[i].scheduled) continue;
    const DramBurst head = entries_[i].burst;
    for (std::size_t k = i; going && k < entries_.size() && waiting_ > keep; ++k) {
      Entry& entry = entries_[k];
      if (!entry.scheduled && entry.burst.bank == head.bank && entry.burst.row == head.row) hand_over(entry);
    }
  }
  std::erase_if(entries_, [](const Entry& entry) { return entry.scheduled; });
}

}  // namespace pagoda
