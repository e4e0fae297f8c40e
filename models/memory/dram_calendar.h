// When the shared resources of a DRAM channel are taken: the reservations of the recent past and of the
// future, one bit per command clock.
//
// Requests come in call order, which is not time order, so a reservation must be able to go between two
// others. What a reservation forbids to others is known when it is made and never withdrawn. The calendar
// therefore keeps, for each kind of command a lane of bits says at which clocks it may no longer be issued,
// and an earliest legal clock is the first one that is clear in the lanes concerned. That costs a few word
// operations, in order or not.
//
// Three kinds of lane share one ring, so that what concerns one time lies together in memory:
//   forbidden  a set bit forbids the clock
//   marks      a set bit is an event, to look up the neighbours of a new one
//   count      a byte per kSpan clocks: how many entries of a queue are taken at some clock of the span
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pagoda/memory/dram_clocks.h"

namespace pagoda {

class DramCalendar {
 public:
  /// Entries that a count lane can hold.
  static constexpr std::uint32_t kMostEntries = 120;
  /// The granularity of count lanes.
  static constexpr Clock kSpan = 8;
  /// How far a reservation can lie behind the earliest clock that is kept. If it lies further, the calendar
  /// forgets: this bounds the memory that a run without a rising floor needs.
  static constexpr Clock kHorizon = Clock{1} << 22;

  explicit DramCalendar(int lanes);

  /// The earliest clock at which something can still be reserved.
  Clock begin() const { return clock_of(begin_word_); }

  /// Nothing will be reserved before `floor` any more.
  void forget_before(Clock floor) {
    if (word_of(floor) > begin_word_) drop_words(word_of(floor));
  }

  /// The first clock from `from` on that is forbidden in neither lane.
  Clock first_free(std::size_t lane, std::size_t other, Clock from) const {
    Clock word = word_of(from);
    std::uint64_t open = bits_from(from);
    for (; word < end_word_; ++word) {
      const std::uint64_t* block = at(word);
      open &= ~(block[lane] | block[other]);
      if (open != 0) return clock_of(word) + std::countr_zero(open);
      open = ~std::uint64_t{0};
    }
    return std::max(from, clock_of(word));
  }

  /// Must be called before clocks up to `last` are written; may raise begin().
  void cover(Clock last) {
    if (word_of(last) >= end_word_) extend(word_of(last) + 1);
  }

  /// Sets the bits [first, last] of a lane, as far as they are kept.
  void set(std::size_t lane, Clock first, Clock last) {
    first = std::max(first, begin());
    if (first > last) return;
    Clock word = word_of(first);
    const Clock last_word = word_of(last);
    std::uint64_t bits = bits_from(first);
    for (; word < last_word; ++word) {
      at(word)[lane] |= bits;
      bits = ~std::uint64_t{0};
    }
    at(word)[lane] |= bits & bits_to(last);
  }

  /// The set bits nearest to `clock` within `reach` clocks, at most N, nearest first.
  template <std::size_t N>
  std::size_t marks_before(std::size_t lane, Clock clock, Clock reach, std::array<Clock, N>& found) const;
  template <std::size_t N>
  std::size_t marks_after(std::size_t lane, Clock clock, Clock reach, std::array<Clock, N>& found) const;

  /// The first clock from `from` on at which fewer than `entries` are taken.
  Clock first_below(std::size_t lane, Clock from, std::uint32_t entries) const;
  /// The first clock after the last one in [from, until) at which `entries` or more are taken; `from` if
  /// there is none.
  Clock after_full(std::size_t lane, Clock from, Clock until, std::uint32_t entries) const;
  /// Takes one more entry during [from, until).
  void take(std::size_t lane, Clock from, Clock until);

 private:
  static constexpr Clock kWordClocks = 64;
  static Clock word_of(Clock clock) { return clock >> 6; }
  static Clock bit_of(Clock clock) { return clock & 63; }
  static Clock clock_of(Clock word) { return word << 6; }
  /// The bits of a word that stand for `clock` and later, and for `clock` and earlier.
  static std::uint64_t bits_from(Clock clock) { return ~std::uint64_t{0} << bit_of(clock); }
  static std::uint64_t bits_to(Clock clock) { return ~std::uint64_t{0} >> (kWordClocks - 1 - bit_of(clock)); }

  std::uint64_t* at(Clock word) { return ring_.data() + (static_cast<std::size_t>(word) & mask_) * lanes_; }
  const std::uint64_t* at(Clock word) const {
    return ring_.data() + (static_cast<std::size_t>(word) & mask_) * lanes_;
  }
  void drop_words(Clock begin_word);
  void extend(Clock end_word);
  void clear_words(Clock first, Clock last);

  std::size_t lanes_;
  std::size_t mask_;      ///< blocks in the ring, less one
  Clock begin_word_ = 0;  ///< words outside [begin, end) are zero in the ring
  Clock end_word_ = 0;
  std::vector<std::uint64_t> ring_;
};

template <std::size_t N>
std::size_t DramCalendar::marks_before(std::size_t lane, Clock clock, Clock reach,
                                       std::array<Clock, N>& found) const {
  const Clock first = std::max(clock - reach, begin());
  if (clock <= first) return 0;
  std::size_t count = 0;
  Clock word = word_of(clock - 1);
  std::uint64_t bits = bits_to(clock - 1);
  for (; word >= word_of(first); --word, bits = ~std::uint64_t{0}) {
    if (word >= end_word_) continue;
    bits &= at(word)[lane];
    for (; bits != 0; bits ^= std::bit_floor(bits)) {
      const Clock mark = clock_of(word) + std::bit_width(bits) - 1;
      if (mark < first || count == N) return count;
      found[count++] = mark;
    }
  }
  return count;
}

template <std::size_t N>
std::size_t DramCalendar::marks_after(std::size_t lane, Clock clock, Clock reach,
                                      std::array<Clock, N>& found) const {
  std::size_t count = 0;
  const Clock last = clock + reach;
  Clock word = word_of(clock + 1);
  std::uint64_t bits = bits_from(clock + 1);
  for (; word <= word_of(last) && word < end_word_; ++word, bits = ~std::uint64_t{0}) {
    bits &= at(word)[lane];
    for (; bits != 0; bits &= bits - 1) {
      const Clock mark = clock_of(word) + std::countr_zero(bits);
      if (mark > last || count == N) return count;
      found[count++] = mark;
    }
  }
  return count;
}

}  // namespace pagoda
