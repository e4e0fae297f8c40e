#include "pagoda/memory/dram_calendar.h"

#include <algorithm>

namespace pagoda {
namespace {

constexpr std::uint64_t kEveryByte = 0x0101010101010101;
constexpr std::uint64_t kTopBits = 0x8080808080808080;
constexpr std::size_t kFirstBlocks = 64;

/// The top bit of each byte that is at least `entries`; bytes and entries are below 128.
std::uint64_t bytes_at_least(std::uint64_t bytes, std::uint32_t entries) {
  return (bytes + (0x80 - entries) * kEveryByte) & kTopBits;
}

}  // namespace

DramCalendar::DramCalendar(int lanes)
    : lanes_(static_cast<std::size_t>(lanes)), mask_(kFirstBlocks - 1), ring_(kFirstBlocks * lanes_) {}

void DramCalendar::clear_words(Clock first, Clock last) {
  for (Clock word = first; word < last; ++word) std::fill_n(at(word), lanes_, 0);
}

void DramCalendar::drop_words(Clock begin_word) {
  clear_words(begin_word_, std::min(begin_word, end_word_));
  begin_word_ = begin_word;
  end_word_ = std::max(end_word_, begin_word);
}

void DramCalendar::extend(Clock end_word) {
  constexpr Clock kMostWords = kHorizon / kWordClocks;
  if (end_word - begin_word_ > kMostWords) drop_words(end_word - kMostWords);
  const auto needed = static_cast<std::size_t>(end_word - begin_word_);
  if (needed > mask_ + 1) {
    std::vector<std::uint64_t> old = std::move(ring_);
    const std::size_t old_mask = mask_;
    mask_ = std::bit_ceil(needed) - 1;
    ring_.assign((mask_ + 1) * lanes_, 0);
    for (Clock word = begin_word_; word < end_word_; ++word) {
      std::copy_n(old.data() + (static_cast<std::size_t>(word) & old_mask) * lanes_, lanes_, at(word));
    }
  }
  end_word_ = end_word;
}

// A byte of a count lane stands for kSpan clocks, so that its bits lie where those clocks have theirs in
// other lanes.
static_assert(DramCalendar::kSpan == 8);

Clock DramCalendar::first_below(std::size_t lane, Clock from, std::uint32_t entries) const {
  Clock word = word_of(from);
  std::uint64_t relevant = kTopBits & bits_from(from - from % kSpan);
  for (; word < end_word_; ++word, relevant = kTopBits) {
    const std::uint64_t below = ~bytes_at_least(at(word)[lane], entries) & relevant;
    if (below != 0) return std::max(from, clock_of(word) + std::countr_zero(below) - (kSpan - 1));
  }
  return std::max(from, clock_of(word));
}

Clock DramCalendar::after_full(std::size_t lane, Clock from, Clock until, std::uint32_t entries) const {
  const Clock first_word = word_of(from);
  Clock word = word_of(until - 1);
  std::uint64_t relevant = bits_to((until - 1) | (kSpan - 1));
  if (word >= end_word_) {
    word = end_word_ - 1;
    relevant = ~std::uint64_t{0};
  }
  for (; word >= first_word; --word, relevant = ~std::uint64_t{0}) {
    if (word == first_word) relevant &= bits_from(from - from % kSpan);
    const std::uint64_t full = bytes_at_least(at(word)[lane], entries) & relevant;
    if (full != 0) return clock_of(word) + std::bit_width(full);  // the top bit of a byte ends its span
  }
  return from;
}

void DramCalendar::take(std::size_t lane, Clock from, Clock until) {
  cover(until - 1);
  from = std::max(from, begin());
  if (from >= until) return;
  const Clock last_word = word_of(until - 1);
  std::uint64_t bytes = kEveryByte & bits_from(from - from % kSpan);
  for (Clock word = word_of(from); word <= last_word; ++word, bytes = kEveryByte) {
    if (word == last_word) bytes &= bits_to((until - 1) | (kSpan - 1));
    at(word)[lane] += bytes;
  }
}

}  // namespace pagoda
