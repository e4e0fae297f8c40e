// When the shared resources of a DRAM channel are taken: the reservations of the recent past and of the future, one
// bit per command clock.
//
// Requests come in call order, which is not time order, so a reservation must be able to go between two others. What
// a reservation forbids to others is known when it is made and never withdrawn. The calendar therefore keeps, for
// each kind of command, a lane of bits says at which clocks it may no longer be issued, and an earliest legal clock is
// the first one that is clear in the lanes concerned. That costs a few word operations, in order or not.
//
// Each lane is a string of bits of its own, read and written as 64 bits from any byte on: what surrounds a clock is
// then one load away wherever the clock lies. There are three kinds of lane:
//   forbidden  a set bit forbids the clock
//   marks      a set bit is an event, to look up the neighbours of a new one
//   count      a byte per kSpan clocks: how many entries of a queue are taken at some clock of the span
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "pagoda/memory/dram_clocks.h"

namespace pagoda {

class DramCalendar {
 public:
  /// Entries that a count lane can hold.
  static constexpr std::uint32_t kMostEntries = 120;
  /// The granularity of count lanes: a byte of theirs lies where those clocks have their bits in other lanes.
  static constexpr Clock kSpan = 8;
  /// How far a reservation can lie behind the earliest clock that is kept. If it lies further, the calendar forgets:
  /// this bounds the memory that a run without a rising floor needs.
  static constexpr Clock kHorizon = Clock{1} << 22;
  /// What is kept begins and ends at multiples of this.
  static constexpr Clock kBlockClocks = 64;

  /// A lane by where it lies in memory.
  using Lane = std::size_t;

  /// No reservation will set a bit more than `reach` clocks away from itself.
  DramCalendar(std::size_t lanes, Clock reach);

  /// The lane of an index, and the one so many after a lane. Right until cover() says otherwise.
  Lane lane(std::size_t index) const { return index * stride_; }
  Lane next(Lane lane, std::size_t count) const { return lane + count * stride_; }

  /// The earliest clock at which something can still be reserved.
  Clock begin() const { return begin_; }

  /// Nothing will be reserved before `floor` any more.
  void forget_before(Clock floor) {
    begin_ = std::max(begin_, floor & -kBlockClocks);
    end_ = std::max(end_, begin_);
  }

  /// To be called before a reservation at clocks up to `last` is written; may raise begin(). Whether the lanes are
  /// where they were.
  [[nodiscard]] bool cover(Clock last) {
    const Clock end = ((last + reach_) & -kBlockClocks) + kBlockClocks;
    if (end > room_) [[unlikely]]
      return extend(end);
    end_ = std::max(end_, end);
    return true;
  }

  /// The first clock from `from` on that is forbidden in neither lane.
  Clock first_free(Lane lane, Lane other, Clock from) const {
    if (from >= end_) return from;
    const std::uint8_t* bytes = at(0, from);
    // The shift brings in zeros from above: it is not known here whether what lies beyond the word is free.
    const std::uint64_t free = ~(load(bytes + lane) | load(bytes + other)) >> bit_of(from);
    if (free == 0) return first_free_beyond(lane, other, from);
    return from + std::countr_zero(free);
  }

  /// Sets the bits [first, last] of a lane, which lie within the reach of a reservation at a covered clock.
  void set(Lane lane, Clock first, Clock last) {
    std::uint8_t* bytes = at(lane, first);
    const auto low_bits = [](Clock count) { return ~std::uint64_t{0} >> (64 - std::min<Clock>(count, 64)); };
    Clock end = bit_of(first) + last - first + 1;
    or_into(bytes, low_bits(end) & ~std::uint64_t{0} << bit_of(first));
    while ((end -= 64) > 0) or_into(bytes += 8, low_bits(end));
  }

  void mark(Lane lane, Clock clock) {
    std::uint8_t* byte = at(lane, clock);
    *byte = static_cast<std::uint8_t>(*byte | 1U << bit_of(clock));
  }

  /// The marks around a clock: the clock before it is the top bit of `before`, the one after it the bottom bit of
  /// `after`.
  struct Marks {
    std::uint64_t before;
    std::uint64_t after;
  };
  Marks marks_around(Lane lane, Clock clock) const {
    const std::uint8_t* bytes = at(lane, clock);
    const int place = bit_of(clock);
    // Shifts by 64 are split in two, as they would not shift at all.
    const std::uint64_t before = load(bytes - 8) >> place | std::uint64_t{*bytes} << 1 << (63 - place);
    const std::uint64_t after = load(bytes) >> place >> 1 | std::uint64_t{bytes[8]} << (63 - place);
    return {before, after};
  }
  /// The same for no more than kNearMarks clocks on either side, which is quicker.
  Marks marks_near(Lane lane, Clock clock) const {
    const std::uint8_t* bytes = at(lane, clock);
    const int place = bit_of(clock);
    return {load(bytes - 7) << (8 - place), load(bytes) >> (place + 1)};
  }
  static constexpr Clock kNearMarks = 56;

  /// The first clock from `from` on at which fewer than `entries` are taken.
  Clock first_below(std::size_t index, Clock from, std::uint32_t entries) const;
  /// The first clock after the last one in [from, until) at which `entries` or more are taken; `from` if there is none.
  Clock after_full(std::size_t index, Clock from, Clock until, std::uint32_t entries) const;
  /// Takes one more entry during [from, until), as far as that is kept. Counts stay at kMostEntries once they are
  /// there.
  void take(std::size_t index, Clock from, Clock until);

 private:
  template <std::size_t Scopes, std::size_t Lanes>
  friend class DramStencil;

  /// Clocks that a lane has room for beyond those in use, as 64 bits from a used byte on reach there.
  static constexpr Clock kSpare = 128;

  static constexpr std::uint64_t kEveryByte = 0x0101010101010101;
  /// The top bit of each byte that is at least `entries`; bytes and entries are below 128.
  static std::uint64_t bytes_at_least(std::uint64_t bytes, std::uint32_t entries) {
    return (bytes + (0x80 - entries) * kEveryByte) & (kEveryByte << 7);
  }

  /// Clocks ascend from the lowest bit, on any host.
  static std::uint64_t load(const std::uint8_t* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
  }
  static void store(std::uint8_t* bytes, std::uint64_t word) {
    if (std::endian::native != std::endian::little) word = __builtin_bswap64(word);
    std::memcpy(bytes, &word, sizeof word);
  }
  static void or_into(std::uint8_t* bytes, std::uint64_t word) { store(bytes, load(bytes) | word); }

  /// Where a clock lies: its byte of a lane, and its bit in that.
  std::uint8_t* at(Lane lane, Clock clock) const {
    return reinterpret_cast<std::uint8_t*>(zero_ + lane + static_cast<std::uintptr_t>(clock >> 3));
  }
  static int bit_of(Clock clock) { return static_cast<int>(clock & 7); }
  void place(Clock origin);
  bool extend(Clock end);
  bool slide(Clock first, Clock end);
  Clock first_free_beyond(Lane lane, Lane other, Clock from) const;

  std::size_t lanes_;
  Clock reach_;
  Clock guard_;   ///< clocks in front of the first that is kept: a reservation at its begin reaches into them
  Clock origin_;  ///< the clock that lanes begin with, a multiple of kBlockClocks as the next two
  Clock begin_ = 0;
  Clock end_ = 0;       ///< this clock and all after it are clear in every lane
  Clock room_;          ///< up to where end_ can go without more ado
  Clock capacity_;      ///< clocks that a lane has room for
  std::size_t stride_;  ///< bytes from lane to lane
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::uintptr_t zero_;  ///< the address of clock 0 in the first lane, there or not: one addition finds any clock
};

/// What a reservation at some clock forbids: for each of `Scopes` kinds of place in the channel, a range of clocks
/// around it in each of `Lanes` adjacent lanes. Precomputed for the eight places that a clock can have in its byte.
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

  /// A reservation at some clock.
  class Reservation {
   public:
    /// Forbids what it forbids in a place of this kind: `lane` is the first of the adjacent ones.
    [[gnu::always_inline]] void forbid(std::size_t scope, DramCalendar::Lane lane) const {
      std::uint8_t* const bytes = bytes_ + lane;
      for (std::size_t i = 0; i < Lanes; ++i) {
        DramCalendar::or_into(bytes + i * stride_, stencil_.first_words_[place_][scope][i]);
      }
      if (stencil_.words_ != 1) stencil_.forbid_rest(place_, scope, bytes, stride_);  // never for DDR4
    }

   private:
    friend class DramStencil;
    Reservation(const DramStencil& stencil, const DramCalendar& calendar, Clock clock)
        : stencil_(stencil),
          bytes_(calendar.at(0, clock) - stencil.bytes_before_),
          place_(static_cast<std::size_t>(DramCalendar::bit_of(clock))),
          stride_(calendar.stride_) {}

    const DramStencil& stencil_;
    std::uint8_t* bytes_;
    std::size_t place_;
    std::size_t stride_;
  };

  [[gnu::always_inline]] Reservation reserve(const DramCalendar& calendar, Clock clock) const {
    return {*this, calendar, clock};
  }

 private:
  using Word = std::array<std::array<std::uint64_t, Lanes>, Scopes>;

  [[gnu::noinline]] void forbid_rest(std::size_t place, std::size_t scope, std::uint8_t* bytes,
                                     std::size_t stride) const {
    const Word* rest = &rest_[place * (words_ - 1)];
    for (std::size_t word = 1; word < words_; ++word, ++rest) {
      bytes += 8;
      for (std::size_t i = 0; i < Lanes; ++i) DramCalendar::or_into(bytes + i * stride, (*rest)[scope][i]);
    }
  }

  std::ptrdiff_t bytes_before_ = 0;  ///< from its first byte to that of the clock
  std::size_t words_ = 0;
  std::array<Word, 8> first_words_{};  ///< by place
  std::vector<Word> rest_;             ///< those after the first one, by place
};

template <std::size_t Scopes, std::size_t Lanes>
DramStencil<Scopes, Lanes>::DramStencil(const Ranges& ranges) {
  Clock before = 0;
  Clock after = 0;
  for (const auto& scope : ranges) {
    for (const Range& range : scope) {
      before = std::max(before, range.before);
      after = std::max(after, range.after);
    }
  }
  bytes_before_ = (before + 7) / 8;
  words_ = static_cast<std::size_t>(8 * bytes_before_ + 7 + after) / 64 + 1;
  rest_.resize(8 * (words_ - 1));
  for (std::size_t place = 0; place < 8; ++place) {
    const Clock middle = 8 * bytes_before_ + static_cast<Clock>(place);
    for (std::size_t scope = 0; scope < Scopes; ++scope) {
      for (std::size_t lane = 0; lane < Lanes; ++lane) {
        const Range& range = ranges[scope][lane];
        for (Clock clock = middle - range.before; clock <= middle + range.after; ++clock) {
          const std::size_t word = static_cast<std::size_t>(clock) / 64;
          Word& words = word == 0 ? first_words_[place] : rest_[place * (words_ - 1) + word - 1];
          words[scope][lane] |= std::uint64_t{1} << (clock % 64);
        }
      }
    }
  }
}

}  // namespace pagoda
