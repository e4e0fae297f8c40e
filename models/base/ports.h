// Contention for something pipelined, as a calendar of clock cycles: in which cycle is a port free for a request that
// reaches it at a given time?
//
// Models: k ports of a tag array or TLB, or k lanes of a bus; at most k requests hold one in any cycle, each for one
// cycle or several in a row. A request that reaches a free cycle in its middle starts at once, one that has to wait
// starts with the cycle it gets. Zero ports stand for a resource without limit. Does not model: which port it is.
//
// Requests come in call order, which is not time order (see timeline.h); each takes the earliest cycles that are free
// when it is made. The calendar knows one cycle of any kCycles that lie that far apart, the one asked for last:
// requests further apart in time than kCycles do not meet.
//
// Cost: constant for a request that need not wait.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "pagoda/base/lazy_array.h"
#include "pagoda/base/time.h"

namespace pagoda {

class Ports {
  __extension__ using Product = unsigned __int128;

 public:
  /// `count` at most 2,047; `period` of their clock, at least 1.
  Ports(std::uint32_t count, Ps period)
      : count_(count), period_(period), reciprocal_(~std::uint64_t{0} / period), cycles_(count == 0 ? 1 : kCycles) {}

  /// Those of several requests that start together, and when.
  struct Start {
    Ps at;
    std::uint32_t count;
  };

  /// For `wanted` requests that reach it together: takes ports for one cycle at the first chance from `at` on, as many
  /// as are wanted and free then. For those that are left, go on with reserve_more().
  [[gnu::always_inline]] Start reserve_some(Ps at, std::uint32_t wanted) {
    if (count_ == 0) return {at, wanted};
    const std::uint64_t cycle = cycle_of(at);
    // Nothing is free from full_from_ to full_until_: a saturated resource need not search there every time.
    if (!known_full(cycle)) {
      const std::uint32_t taken = take(cycle, wanted);
      if (taken == wanted) return {at, taken};
      if (cycle != full_until_) full_from_ = cycle;
      full_until_ = cycle + 1;
      if (taken != 0) return {at, taken};
    }
    return reserve_more(wanted);
  }
  Start reserve_more(std::uint32_t wanted) {
    std::uint32_t taken = take(full_until_, wanted);
    while (taken == 0) taken = take(++full_until_, wanted);
    return {full_until_ * period_, taken};
  }
  /// For one request; when it starts.
  Ps reserve(Ps at) { return reserve_some(at, 1).at; }

  /// time / period. Without a division: the reciprocal is rounded down, so the product is exact or one less.
  std::uint64_t cycle_of(Ps time) const {
    const auto quotient = static_cast<std::uint64_t>(static_cast<Product>(time) * reciprocal_ >> 64);
    return quotient + (time - quotient * period_ >= period_ ? 1 : 0);
  }
  /// By how many cycles what starts here reaches `next` later, if a delay always comes to the same number of them.
  std::optional<std::uint64_t> steps(const Ports& next, Ps delay) const {
    if (count_ == 0 || next.count_ == 0 || period_ != next.period_ || delay % period_ != 0) return std::nullopt;
    return delay / period_;
  }
  /// For `wanted` requests that reach it together and take a port of `next` as well, so many steps() later: takes both for
  /// those that start before the cycle `end`, until one would have to wait for `next`. How many are left.
  [[gnu::always_inline]] std::uint32_t reserve_both(Ports& next, std::uint64_t steps, Ps at, std::uint64_t end,
                                                    std::uint32_t wanted) {
    const std::uint64_t asked = cycle_of(at);
    std::uint64_t cycle = known_full(asked) ? full_until_ : asked;
    for (; cycle < end; ++cycle) {
      const std::uint32_t used = used_in(cycle);
      const std::uint32_t used_next = next.used_in(cycle + steps);
      const std::uint32_t taken = std::min(wanted, count_ - used);
      if (used_next + taken > next.count_) break;
      set_used(cycle, used + taken);
      next.set_used(cycle + steps, used_next + taken);
      wanted -= taken;
      if (wanted == 0) {
        if (used + taken == count_) ++cycle;
        break;
      }
    }
    if (cycle > asked) {
      if (!known_full(asked) && asked != full_until_) full_from_ = asked;
      full_until_ = cycle;
    }
    return wanted;
  }

  /// For one request and `length` cycles in a row, of which it keeps kCycles.
  Ps reserve(Ps at, std::uint64_t length) {
    const std::uint32_t count = count_;
    if (count == 0) return at;
    length = std::min<std::uint64_t>(length, kCycles);
    const std::uint64_t cycle = cycle_of(at);
    Entry* const cycles = &cycles_[0];
    for (std::uint64_t next = cycle; next != cycle + length; ++next) {
      if (take(cycles, count, next, 1) == 0) [[unlikely]]
        return reserve_later(cycle, next, length);
    }
    return at;
  }

 private:
  using Entry = std::uint32_t;  // how many hold a port in a cycle, and above that which of its entry's cycles it is

  static constexpr std::size_t kCycles = 2048;
  static constexpr unsigned kUsedBits = 11;
  static constexpr Entry kUsedMask = (1u << kUsedBits) - 1;

  Entry& entry_of(std::uint64_t cycle) { return cycles_[cycle % kCycles]; }
  static_assert(kCycles == kUsedMask + 1);
  static Entry none_in(std::uint64_t cycle) { return static_cast<Entry>(cycle) & ~kUsedMask; }
  bool known_full(std::uint64_t cycle) const { return cycle >= full_from_ && cycle < full_until_; }
  std::uint32_t used_in(std::uint64_t cycle) {
    const Entry used = entry_of(cycle) - none_in(cycle);
    return used <= kUsedMask ? used : 0;  // or it was another cycle's, which lies far back
  }
  void set_used(std::uint64_t cycle, std::uint32_t used) { entry_of(cycle) = none_in(cycle) + used; }
  bool full(std::uint64_t cycle) { return entry_of(cycle) - none_in(cycle) - count_ < kUsedMask + 1 - count_; }
  // Takes as many ports in this cycle as are wanted, at least one, and free; how many.
  std::uint32_t take(std::uint64_t cycle, std::uint32_t wanted) { return take(&cycles_[0], count_, cycle, wanted); }
  static std::uint32_t take(Entry* cycles, std::uint32_t count, std::uint64_t cycle, std::uint32_t wanted) {
    Entry& entry = cycles[cycle % kCycles];
    const Entry none = none_in(cycle);
    Entry used = entry - none;
    if (used >= count) {
      if (used <= kUsedMask) return 0;
      used = 0;  // it was another cycle's, which lies far back
    }
    const std::uint32_t taken = std::min(wanted, count - used);
    entry = none + used + taken;
    return taken;
  }

  Ps reserve_later(std::uint64_t first, std::uint64_t busy, std::uint64_t length);

  std::uint32_t count_;
  Ps period_;
  std::uint64_t reciprocal_;
  LazyArray<Entry> cycles_;  // by cycle modulo their number
  std::uint64_t full_from_ = 0;
  std::uint64_t full_until_ = 0;
};

}  // namespace pagoda
