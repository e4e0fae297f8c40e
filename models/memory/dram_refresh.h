// When a rank of a DRAM can be used between its refreshes.
#pragma once

#include "pagoda/memory/dram_clocks.h"

namespace pagoda {

/// All-bank refresh of one rank: REF every tREFI, the ranks of a channel evenly staggered, each REF on its
/// exact clock. A REF wants all banks precharged tRP before it, so it closes every row, and nothing but REF
/// reaches the rank until tRFC later. Postponing and pulling in of REF, per-bank refresh and the doubled rate
/// above 85 degrees Celsius are not modelled.
class DramRefresh {
 public:
  /// Clocks between the end of a refresh and the next REF: ACT may be issued from `begin` on, and every bank
  /// must be precharged at `end - tRP`.
  struct Window {
    Clock begin = 0;
    Clock end = kNeverClock;
  };

  DramRefresh(const DramClocks& clocks, unsigned rank, unsigned ranks)
      : interval_(clocks.refi),
        busy_(clocks.rfc),
        first_(clocks.refi == 0 ? kNeverClock
                                : clocks.refi * static_cast<Clock>(rank + 1) / static_cast<Clock>(ranks)) {
    current_ = {0, first_};
  }

  /// The window that `clock` lies in, or else the next one: then its begin is after `clock`.
  const Window& window_at(Clock clock) {
    if (clock < current_from_ || clock >= current_.end) [[unlikely]]
      look_up(clock);
    return current_;
  }

  /// The number of REF up to and including `clock`.
  std::uint64_t count_until(Clock clock) const {
    return clock < first_ ? 0 : static_cast<std::uint64_t>((clock - first_) / interval_) + 1;
  }
  /// The clock of the n-th REF, from 0.
  Clock at(std::uint64_t n) const { return first_ + static_cast<Clock>(n) * interval_; }

 private:
  [[gnu::noinline]] void look_up(Clock clock) {
    const Clock before = clock < first_ ? -busy_ : first_ + (clock - first_) / interval_ * interval_;
    current_from_ = before;
    current_ = {before + busy_, clock < first_ ? first_ : before + interval_};
  }

  Clock interval_;
  Clock busy_;
  Clock first_;
  Window current_;          ///< the last answer: most requests ask for it again
  Clock current_from_ = 0;  ///< and the earliest clock that it is right for
};

}  // namespace pagoda
