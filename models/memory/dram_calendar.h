// When the shared resources of a DRAM channel are taken: the reservations of the recent past and of the future, one
// bit per command clock.
//
// Requests come in call order, which is not time order, so a reservation must be able to go between two others. What
// a reservation forbids to others is known when it is made and never withdrawn. The calendar therefore keeps, for
// each kind of command, a lane of bits says at which clocks it may no longer be issued, and an earliest legal clock is
// the first one that is clear in the lanes concerned. That costs a few word operations, in order or not.
//
// Three kinds of lane lie side by side, 64 clocks to a block, so that what concerns one time is close in memory:
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
  /// How far a reservation can lie behind the earliest clock that is kept. If it lies further, the calendar forgets:
  /// this bounds the memory that a run without a rising floor needs.
  static constexpr Clock kHorizon = Clock{1} << 22;

  /// No reservation will set a bit more than `reach` clocks away from itself.
  DramCalendar(std::size_t lanes, Clock reach);

  /// The earliest clock at which something can still be reserved.
  Clock begin() const { return clock_of(begin_word_); }

  /// Nothing will be reserved before `floor` any more.
  void forget_before(Clock floor) {
    if (word_of(floor) > begin_word_) {
      begin_word_ = word_of(floor);
      end_word_ = std::max(end_word_, begin_word_);
    }
  }

  /// To be called before a reservation at clocks up to `last` is written; may raise begin().
  void cover(Clock last) {
    const Clock end = word_of(last + reach_) + 1;
    if (end > end_word_) extend(end);
  }

  /// The first clock from `from` on that is forbidden in neither lane.
  Clock first_free(std::size_t lane, std::size_t other, Clock from) const {
    const Clock word = word_of(from);
    if (word >= end_word_) return from;
    // Two words at once: which of them has the answer is a coin toss, and a branch would mostly be mispredicted.
    const std::uint64_t* block = at(word);
    const std::uint64_t near = ~(block[lane] | block[other]) & bits_from(from);
    const std::uint64_t far = ~(block[lanes_ + lane] | block[lanes_ + other]);
    if ((near | far) == 0) [[unlikely]]
      return first_free_beyond(lane, other, word + 2);
    const int in_near = std::countr_zero(near);
    const int in_far = std::countr_zero(far) + 64;
    return clock_of(word) + (near != 0 ? in_near : in_far);
  }

  /// Sets the bits [first, last] of a lane, which lie within the reach of a reservation at a covered clock and in at
  /// most three words. Without branches: where words end is as good as random.
  void set(std::size_t lane, Clock first, Clock last) {
    std::uint64_t* bits = at(word_of(first)) + lane;
    const Clock words = word_of(last) - word_of(first);
    const std::uint64_t end = bits_to(last);
    const std::uint64_t all = ~std::uint64_t{0};
    bits[0] |= bits_from(first) & (words == 0 ? end : all);
    bits[lanes_] |= words == 1 ? end : words > 1 ? all : 0;
    bits[2 * lanes_] |= words == 2 ? end : 0;
  }

  void mark(std::size_t lane, Clock clock) { at(word_of(clock))[lane] |= std::uint64_t{1} << bit_of(clock); }

  /// The marks around a clock: the clock before it is the top bit of `before`, the one after it the bottom bit of
  /// `after`.
  struct Marks {
    std::uint64_t before;
    std::uint64_t after;
  };
  Marks marks_around(std::size_t lane, Clock clock) const {
    const std::uint64_t* bits = at(word_of(clock)) + lane;
    const int place = static_cast<int>(bit_of(clock));
    // Shifts by 64 are split in two, as they would not shift at all.
    return {(bits[0] << 1 << (63 - place)) | (*(bits - lanes_) >> place),
            (bits[0] >> place >> 1) | (bits[lanes_] << (63 - place))};
  }

  /// The first clock from `from` on at which fewer than `entries` are taken.
  Clock first_below(std::size_t lane, Clock from, std::uint32_t entries) const;
  /// The first clock after the last one in [from, until) at which `entries` or more are taken; `from` if there is none.
  Clock after_full(std::size_t lane, Clock from, Clock until, std::uint32_t entries) const;
  /// Takes one more entry during [from, until), as far as that is kept. Counts stay at kMostEntries once they are there.
  void take(std::size_t lane, Clock from, Clock until) {
    cover(until - 1);
    from = std::max(from, begin());
    std::uint64_t* counts = at(word_of(from)) + lane;
    const Clock words = word_of(until - 1) - word_of(from);
    const std::uint64_t end = kEveryByte & bits_to(until - 1);
    add(counts[0], bits_from(from & -kSpan) & (words == 0 ? end : kEveryByte));
    add(counts[lanes_], words == 0 ? 0 : words == 1 ? end : kEveryByte);
    for (Clock word = 2; word <= words; ++word) {
      counts += lanes_;
      add(counts[lanes_], word == words ? end : kEveryByte);
    }
  }

  static constexpr Clock kBlockClocks = 64;
  static constexpr Clock word_of(Clock clock) { return clock >> 6; }
  static constexpr Clock bit_of(Clock clock) { return clock & 63; }
  static constexpr Clock clock_of(Clock word) { return word << 6; }
  /// The bits of a word that stand for `clock` and later, and for `clock` and earlier.
  static constexpr std::uint64_t bits_from(Clock clock) { return ~std::uint64_t{0} << bit_of(clock); }
  static constexpr std::uint64_t bits_to(Clock clock) { return ~std::uint64_t{0} >> (63 - bit_of(clock)); }

 private:
  template <std::size_t Scopes, std::size_t Lanes>
  friend class DramStencil;

  /// So that words next to covered ones can be touched without asking.
  static constexpr Clock kSpare = 2;

  static constexpr std::uint64_t kEveryByte = 0x0101010101010101;
  /// The top bit of each byte that is at least `entries`; bytes and entries are below 128.
  static std::uint64_t bytes_at_least(std::uint64_t bytes, std::uint32_t entries) {
    return (bytes + (0x80 - entries) * kEveryByte) & (kEveryByte << 7);
  }
  static void add(std::uint64_t& counts, std::uint64_t ones) {
    counts += ones & ~(bytes_at_least(counts, kMostEntries) >> 7);
  }

  std::uint64_t* at(Clock word) { return blocks_.data() + static_cast<std::size_t>(word - origin_) * lanes_; }
  const std::uint64_t* at(Clock word) const {
    return blocks_.data() + static_cast<std::size_t>(word - origin_) * lanes_;
  }
  void extend(Clock end_word);
  Clock first_free_beyond(std::size_t lane, std::size_t other, Clock word) const;

  std::size_t lanes_;
  Clock reach_;
  Clock guard_;   ///< blocks in front of the first that is kept: a reservation at its begin reaches into them
  Clock origin_;  ///< the word that blocks_ begins with
  Clock begin_word_ = 0;
  Clock end_word_ = 0;  ///< this block and all after it are zero
  std::vector<std::uint64_t> blocks_;
};

/// What a reservation at some clock forbids: for each of `Scopes` kinds of place in the channel, a range of clocks
/// around it in each of `Lanes` adjacent lanes. Precomputed for the 64 places that a clock can have in its word.
template <std::size_t Scopes, std::size_t Lanes>
class DramStencil {
 public:
  /// The clocks [-before, after] around the reservation.
  struct Range {
    Clock before;
    Clock after;
  };
  using Ranges = std::array<std::array<Range, Lanes>, Scopes>;

  explicit DramStencil(const Ranges& ranges);

  /// A reservation at a clock, to be set in one lane after the other.
  class Application {
   public:
    /// Sets what a scope has for `lane` and those that follow it.
    void set(std::size_t scope, std::size_t lane) const {
      const std::uint64_t* bits = bits_ + scope * Lanes;
      std::uint64_t* block = block_ + lane;
      // Nearly all reservations reach into three words.
      for (std::size_t word = 0; word < 3; ++word) set_word(bits + word * (Scopes * Lanes), block + word * stride_);
      for (std::size_t word = 3; word < words_; ++word) {
        set_word(bits + word * (Scopes * Lanes), block + word * stride_);
      }
    }

   private:
    friend class DramStencil;
    static void set_word(const std::uint64_t* bits, std::uint64_t* block) {
      std::array<std::uint64_t, Lanes> now;  // a copy, so that all lanes are handled at once
      for (std::size_t i = 0; i < Lanes; ++i) now[i] = block[i] | bits[i];
      for (std::size_t i = 0; i < Lanes; ++i) block[i] = now[i];
    }

    const std::uint64_t* bits_;
    std::uint64_t* block_;
    std::size_t stride_;
    std::size_t words_;
  };

  Application at(DramCalendar& calendar, Clock clock) const {
    Application application;
    application.bits_ =
        bits_.data() + static_cast<std::size_t>(DramCalendar::bit_of(clock)) * words_ * (Scopes * Lanes);
    application.block_ = calendar.at(DramCalendar::word_of(clock) + first_);
    application.stride_ = calendar.lanes_;
    application.words_ = words_;
    return application;
  }

 private:
  Clock first_ = 0;  ///< its first word, relative to that of the reservation
  std::size_t words_ = 0;
  std::vector<std::uint64_t> bits_;  ///< by place, word, scope and lane
};

template <std::size_t Scopes, std::size_t Lanes>
DramStencil<Scopes, Lanes>::DramStencil(const Ranges& ranges) {
  Clock last = 0;
  for (const auto& scope : ranges) {
    for (const Range& range : scope) {
      first_ = std::min(first_, DramCalendar::word_of(-range.before));
      last = std::max(last, DramCalendar::word_of(63 + range.after));
    }
  }
  words_ = std::max<std::size_t>(3, static_cast<std::size_t>(last - first_ + 1));
  bits_.resize(64 * words_ * Scopes * Lanes);
  for (Clock place = 0; place < 64; ++place) {
    for (std::size_t scope = 0; scope < Scopes; ++scope) {
      for (std::size_t lane = 0; lane < Lanes; ++lane) {
        const Range& range = ranges[scope][lane];
        for (Clock clock = place - range.before; clock <= place + range.after; ++clock) {
          const auto word = static_cast<std::size_t>(DramCalendar::word_of(clock) - first_);
          bits_[((static_cast<std::size_t>(place) * words_ + word) * Scopes + scope) * Lanes + lane] |=
              std::uint64_t{1} << DramCalendar::bit_of(clock);
        }
      }
    }
  }
}

}  // namespace pagoda
