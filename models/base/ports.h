// Contention for something pipelined, as a calendar of clock cycles: in which cycle is a port free for a request that
// reaches it at a given time?
//
// Models: k ports of a tag array or TLB, or k lanes of a bus; at most k requests hold one in any cycle, each for one cycle
// or several in a row. A request that reaches a free cycle in its middle starts at once, one that has to wait starts with
// the cycle it gets. Zero ports stand for a resource without limit. Does not model: which port it is.
//
// Requests come in call order, which is not time order (see timeline.h); each takes the earliest cycles that are free when
// it is made. The calendar keeps the latest kCycles cycles: a request that lies further back than that behind the latest
// one finds everything free.
//
// Cost: constant for a request that need not wait.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pagoda/base/lazy_array.h"
#include "pagoda/base/time.h"

namespace pagoda {

class Ports {
 public:
  /// `count` at most 65,535; `period` of their clock, at least 1: 2^48 of them is as far as time may go.
  Ports(std::uint32_t count, Ps period)
      : count_(count), period_(period), reciprocal_(~std::uint64_t{0} / period), cycles_(count == 0 ? 1 : kCycles) {}

  /// Takes a port for one cycle at the first chance from `at` on; when that is.
  Ps reserve(Ps at) {
    if (count_ == 0) return at;
    std::uint64_t cycle = cycle_of(at);
    if (take(cycle)) return at;
    // Nothing is free from full_from_ to full_until_: a saturated resource need not search there every time.
    if (cycle < full_from_ || cycle > full_until_) full_from_ = full_until_ = cycle;
    for (cycle = std::max(cycle + 1, full_until_); !take(cycle);) ++cycle;
    full_until_ = cycle;
    return cycle * period_;
  }

  /// Likewise for `length` cycles in a row.
  Ps reserve(Ps at, std::uint64_t length) {
    if (count_ == 0) return at;
    const std::uint64_t cycle = cycle_of(at);
    for (std::uint64_t next = cycle; next != cycle + length; ++next) {
      if (full(next)) return reserve_later(next + 1, length);
    }
    for (std::uint64_t next = cycle; next != cycle + length; ++next) take(next);
    return at;
  }

 private:
  __extension__ using Product = unsigned __int128;

  static constexpr std::size_t kCycles = 4096;
  static constexpr unsigned kUsedBits = 16;

  static std::uint64_t used(std::uint64_t entry) { return entry & ((std::uint64_t{1} << kUsedBits) - 1); }
  std::uint64_t& entry_of(std::uint64_t cycle) { return cycles_[cycle % kCycles]; }
  bool full(std::uint64_t cycle) {
    const std::uint64_t entry = entry_of(cycle);
    return entry >> kUsedBits == cycle && used(entry) >= count_;
  }
  // Takes a port in this cycle if one is free.
  bool take(std::uint64_t cycle) {
    std::uint64_t& entry = entry_of(cycle);
    const std::uint64_t fresh = cycle << kUsedBits;
    if (entry < fresh) {
      entry = fresh | 1;
    } else if (entry < fresh + count_) {
      ++entry;
    } else {
      return entry >> kUsedBits != cycle;  // the entry is a later cycle's: this one lies too far back
    }
    return true;
  }

  // time / period_ without a division: the reciprocal is rounded down, so the product is exact or one less.
  std::uint64_t cycle_of(Ps time) const {
    const auto quotient = static_cast<std::uint64_t>(static_cast<Product>(time) * reciprocal_ >> 64);
    return quotient + (time - quotient * period_ >= period_ ? 1 : 0);
  }

  Ps reserve_later(std::uint64_t first, std::uint64_t length);

  std::uint32_t count_;
  Ps period_;
  std::uint64_t reciprocal_;
  LazyArray<std::uint64_t> cycles_;  // by cycle modulo their number: the cycle's number, and how many hold a port in it
  std::uint64_t full_from_ = 0;
  std::uint64_t full_until_ = 0;
};

}  // namespace pagoda
