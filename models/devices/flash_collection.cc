// What FlashMedium does to get free blocks.
#include <algorithm>
#include <cstring>

#include "pagoda/devices/flash_medium.h"

namespace pagoda {

void FlashMedium::collect(std::uint32_t die, const Clock& clock) {
  Collection& collection = collections_[die];
  for (std::uint64_t step = 0;; ++step) {
    const std::uint32_t free = translation_.free_blocks(die);
    const bool urgent = free <= 1 && translation_.host_pages(die) == 0;
    if (!collection.victim) {
      if (free >= threshold_ && !urgent) return;
      collection.victim = translation_.take_victim(die);
      if (!collection.victim) return;
      const FlashGeometry& geometry = translation_.geometry();
      const std::uint64_t gained = geometry.units_per_block() - translation_.valid_units(*collection.victim);
      collection.next_unit = translation_.first_unit(*collection.victim);
      collection.steps = geometry.pages / std::max<std::uint64_t>(gained / geometry.units, 1) + 1;
    }
    if (!urgent && step >= collection.steps) return;
    if (!collect_page(die, clock)) return;
  }
}

// The next page of the victim, and its end; false if nothing more can be written.
bool FlashMedium::collect_page(std::uint32_t die, const Clock& clock) {
  Collection& collection = collections_[die];
  const FlashGeometry& geometry = translation_.geometry();
  std::uint64_t valid = 0;
  for (std::uint64_t unit = collection.next_unit; unit < collection.next_unit + geometry.units; ++unit) {
    if (!translation_.owner(unit)) continue;
    collection.units.push_back(unit);
    ++valid;
  }
  collection.next_unit += geometry.units;
  if (valid > 0 && clock.runs) {
    dies_[die].add({.kind = FlashDie::Operation::Kind::read, .ready = clock.at, .bytes = valid * unit_bytes_});
  }
  const std::uint64_t end = translation_.first_unit(*collection.victim) + geometry.units_per_block();
  const bool last = collection.next_unit == end;
  while (collection.units.size() >= geometry.units || (last && !collection.units.empty())) {
    if (write_collected(die, clock)) continue;
    translation_.put_back(*collection.victim);
    collection = {};
    return false;
  }
  if (!last) return true;
  translation_.erase(*collection.victim);
  collection.victim.reset();
  if (!clock.runs) return true;
  dies_[die].add({.kind = FlashDie::Operation::Kind::erase, .ready = clock.at});
  ++erasures_;
  erasures_probe_.count(clock.at);
  return true;
}

// A page of units that have been read. The host may have written or discarded some of them meanwhile.
bool FlashMedium::write_collected(std::uint32_t die, const Clock& clock) {
  std::vector<std::uint64_t>& units = collections_[die].units;
  const std::size_t count = std::min<std::size_t>(units.size(), translation_.geometry().units);
  const auto valid = [this](std::uint64_t unit) { return translation_.owner(unit).has_value(); };
  const auto end = units.begin() + static_cast<std::ptrdiff_t>(count);
  if (std::any_of(units.begin(), end, valid)) {
    const auto page = translation_.open_page(die, FlashStream::collection);
    if (!page) return false;
    std::uint64_t to = *page;
    for (std::size_t i = 0; i < count; ++i) {
      const auto owner = translation_.owner(units[i]);
      if (!owner) continue;
      std::memcpy(bytes_of(to), bytes_of(units[i]), unit_bytes_);
      translation_.place(*owner, to++);
    }
    if (clock.runs) {
      collected_units_ += to - *page;
      ++collection_programs_;
      dies_[die].add({.kind = FlashDie::Operation::Kind::program,
                      .ready = clock.at,
                      .bytes = translation_.geometry().units * unit_bytes_});
    }
  }
  units.erase(units.begin(), end);
  return true;
}

}  // namespace pagoda
