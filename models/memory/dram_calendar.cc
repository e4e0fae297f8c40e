#include "pagoda/memory/dram_calendar.h"

namespace pagoda {
namespace {

constexpr Clock kFirstBlocks = 64;

}  // namespace

DramCalendar::DramCalendar(std::size_t lanes, Clock reach)
    : lanes_(lanes),
      reach_(reach),
      guard_(word_of(reach) + 1),
      origin_(-guard_),
      blocks_(static_cast<std::size_t>(kFirstBlocks) * lanes) {}

/// Makes the blocks up to `end_word` usable, moving what is kept to the front of the buffer if it has reached its end.
void DramCalendar::extend(Clock end_word) {
  constexpr Clock kMostWords = kHorizon / kBlockClocks;
  if (end_word - begin_word_ > kMostWords) forget_before(clock_of(end_word - kMostWords));
  const auto capacity = static_cast<Clock>(blocks_.size() / lanes_) - kSpare;
  if (end_word > origin_ + capacity) {
    const auto words = [this](Clock blocks) { return blocks * static_cast<Clock>(lanes_); };
    const Clock first = begin_word_ - guard_;
    const Clock used = std::min(end_word_, origin_ + capacity);
    const Clock kept = std::max<Clock>(used - first, 0);
    std::copy_n(blocks_.begin() + words(used - kept - origin_), words(kept), blocks_.begin());
    std::fill(blocks_.begin() + words(kept), blocks_.end(), 0);
    origin_ = first;
    // Room for twice what is kept, so that moving costs little per block.
    const Clock wanted = 2 * (end_word - first);
    if (wanted > capacity) blocks_.resize(static_cast<std::size_t>(words(wanted + kSpare)));
  }
  end_word_ = end_word;
}

Clock DramCalendar::first_free_beyond(std::size_t lane, std::size_t other, Clock word) const {
  for (; word < end_word_; ++word) {
    const std::uint64_t open = ~(at(word)[lane] | at(word)[other]);
    if (open != 0) return clock_of(word) + std::countr_zero(open);
  }
  return clock_of(word);
}

// A byte of a count lane stands for kSpan clocks, so that its bits lie where those clocks have theirs in other lanes.
static_assert(DramCalendar::kSpan == 8);

Clock DramCalendar::first_below(std::size_t lane, Clock from, std::uint32_t entries) const {
  Clock word = word_of(from);
  std::uint64_t relevant = (kEveryByte << 7) & bits_from(from & -kSpan);
  for (; word < end_word_; ++word, relevant = (kEveryByte << 7)) {
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
    if (word == first_word) relevant &= bits_from(from & -kSpan);
    const std::uint64_t full = bytes_at_least(at(word)[lane], entries) & relevant;
    if (full != 0) return clock_of(word) + 64 - std::countl_zero(full);  // the top bit of a byte ends its span
  }
  return from;
}

}  // namespace pagoda
