#include "pagoda/memory/dram_calendar.h"

namespace pagoda {
namespace {

constexpr Clock kFirstCapacity = 16384;

/// The bytes from lane to lane. Lanes are used at the same clocks at once: an odd number of 64-byte lines spreads them
/// over the sets of the host's cache.
std::size_t stride_for(Clock clocks) {
  const auto lines = static_cast<std::size_t>(clocks / 8 + 63) / 64;
  return (lines | 1) * 64;
}

}  // namespace

DramCalendar::DramCalendar(std::size_t lanes, Clock reach)
    : lanes_(lanes),
      reach_(reach),
      guard_((reach & -kBlockClocks) + kBlockClocks),
      origin_(-guard_),
      room_(origin_ + kFirstCapacity),
      capacity_(kFirstCapacity),
      stride_(stride_for(kFirstCapacity + kSpare)),
      bytes_(std::make_unique<std::uint8_t[]>(lanes * stride_)) {
  place(origin_);
}

/// The lanes now begin with `origin`.
void DramCalendar::place(Clock origin) {
  origin_ = origin;
  zero_ = reinterpret_cast<std::uintptr_t>(bytes_.get()) - static_cast<std::uintptr_t>(origin >> 3);
}

/// Makes the clocks before `end` usable.
bool DramCalendar::extend(Clock end) {
  if (end - begin_ > kHorizon) forget_before(end - kHorizon);
  const bool stays = end <= origin_ + capacity_ || slide(begin_ - guard_, end);
  end_ = std::max(end_, end);
  room_ = std::min(origin_ + capacity_, begin_ + kHorizon);
  return stays;
}

/// Moves what is kept to the front of the lanes, which then begin with `first`, and makes them longer if need be.
bool DramCalendar::slide(Clock first, Clock end) {
  // Room for at least twice what is kept, so that moving costs little per clock.
  const Clock needed = end - first;
  const bool grows = 2 * needed > capacity_;
  const Clock capacity = grows ? 4 * needed : capacity_;
  const std::size_t stride = stride_for(capacity + kSpare);
  auto grown = grows ? std::make_unique<std::uint8_t[]>(lanes_ * stride) : nullptr;
  const auto kept = static_cast<std::size_t>(std::max<Clock>(std::min(end_, origin_ + capacity_) - first, 0) / 8);
  const auto from = static_cast<std::size_t>((first - origin_) / 8);
  for (std::size_t lane = 0; lane < lanes_; ++lane) {
    std::uint8_t* old = bytes_.get() + lane * stride_;
    std::uint8_t* moved = grows ? grown.get() + lane * stride : old;
    if (kept > 0) std::memmove(moved, old + from, kept);
    if (!grows) std::memset(old + kept, 0, stride - kept);
  }
  if (grows) bytes_ = std::move(grown);
  stride_ = stride;
  capacity_ = capacity;
  place(first);
  return !grows;
}

Clock DramCalendar::first_free_beyond(Lane lane, Lane other, Clock from) const {
  const std::uint8_t* bytes = at(0, from);
  Clock clock = (from & -kSpan) + 64;
  for (; clock < end_; clock += 64) {
    bytes += 8;
    const std::uint64_t free = ~(load(bytes + lane) | load(bytes + other));
    if (free != 0) return clock + std::countr_zero(free);
  }
  return clock;
}

void DramCalendar::take(std::size_t index, Clock from, Clock until) {
  const auto add = [](std::uint8_t* counts, std::uint64_t ones) {
    const std::uint64_t word = load(counts);
    store(counts, word + (ones & ~(bytes_at_least(word, kMostEntries) >> 7)));
  };
  static_cast<void>(cover(until - 1));
  from = std::max(from, begin_) & -kSpan;
  std::uint8_t* counts = at(lane(index), from);
  for (; until - from > 64; from += 64, counts += 8) add(counts, kEveryByte);
  add(counts, kEveryByte >> ((from + 64 - until) & -kSpan));
}

Clock DramCalendar::first_below(std::size_t index, Clock from, std::uint32_t entries) const {
  Clock span = from & -kSpan;
  for (; span < end_; span += 64) {
    const std::uint64_t below = ~bytes_at_least(load(at(lane(index), span)), entries) & (kEveryByte << 7);
    if (below != 0) return std::max(from, span + std::countr_zero(below) - (kSpan - 1));
  }
  return std::max(from, span);
}

Clock DramCalendar::after_full(std::size_t index, Clock from, Clock until, std::uint32_t entries) const {
  // The eight spans that end with a clock, as far as they do not begin before `from`, and so on backwards.
  for (Clock last = (std::min(until, end_) - 1) | (kSpan - 1); last >= from; last -= 64) {
    const Clock missing = (from & -kSpan) - (last - 63);
    std::uint64_t full = bytes_at_least(load(at(lane(index), last) - 7), entries);
    if (missing > 0) full &= ~std::uint64_t{0} << missing;
    if (full != 0) return last + 1 - std::countl_zero(full);  // the top bit of a byte ends its span
  }
  return from;
}

}  // namespace pagoda
