#include "pagoda/mmu/tlb.h"

#include <bit>

namespace pagoda {
namespace {

std::uint64_t shifts_of(const std::vector<Bytes>& page_sizes) {
  if (page_sizes.empty()) return ~std::uint64_t{0};
  std::uint64_t shifts = 0;
  for (const Bytes size : page_sizes) shifts |= size.count;  // 2^s is bit s
  return shifts;
}

}  // namespace

Tlb::Tlb(const TlbConfig& config, Ps period) : latency_(config.latency.at(period)), ports_(config.ports, period) {
  arrays_.push_back({AssocArray<TlbEntry>(config.geometry()), shifts_of(config.page_sizes), 0, {}});
  for (const TlbArrayConfig& array : config.superpages) {
    arrays_.push_back({AssocArray<TlbEntry>(array.geometry()), shifts_of(array.page_sizes), 0, {}});
  }
  for (unsigned shift = 0; shift < homes_.size(); ++shift) homes_[shift] = home_of(shift);
}

// The array that takes the largest part of the page.
Tlb::Home Tlb::home_of(unsigned page_shift) const {
  Home home{0, 0};
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const std::uint64_t fitting = arrays_[i].accepts & low_mask(page_shift + 1);
    if (fitting == 0) continue;
    const auto largest = static_cast<std::uint8_t>(std::bit_width(fitting) - 1);
    if (largest > home.shift) home = {static_cast<std::uint8_t>(i), largest};
  }
  return home;
}

TlbEntry* Tlb::find(Addr input, AddressSpaceTag tag) {
  for (Array& array : arrays_) {
    for (std::uint64_t shifts = array.holds; shifts != 0; shifts &= shifts - 1) {
      const auto shift = static_cast<unsigned>(std::countr_zero(shifts));
      const std::size_t set = array.entries.set_of(input >> shift);
      TlbEntry* entry = array.entries.use(set, key(input, shift), [tag](const TlbEntry& e) {
        return e.tag.vmid == tag.vmid && (e.global || e.tag.asid == tag.asid);
      });
      if (entry == nullptr) continue;
      ++epoch_;
      return entry;
    }
  }
  return nullptr;
}

TlbEntry* Tlb::fill(Addr input, const TlbEntry& entry) {
  const unsigned shift = homes_[entry.page_shift].shift;
  Array* const array = &arrays_[homes_[entry.page_shift].array];
  const std::uint64_t new_key = key(input, shift);
  const std::size_t set = array->entries.set_of(input >> shift);
  TlbEntry* place = array->entries.use(set, new_key, [&](const TlbEntry& e) {
    return e.tag.vmid == entry.tag.vmid && (e.global || e.tag.asid == entry.tag.asid);
  });
  if (place == nullptr) {
    const auto victim = array->entries.victim(set);
    place = victim.entry;
    if (const std::uint64_t old = array->entries.key_of(place); old != 0) {
      ++evictions_;
      drop(*array, old & 63);
    }
    array->entries.replace(set, victim, new_key);
    array->holds |= std::uint64_t{1} << shift;
    ++array->count[shift];
  }
  ++epoch_;
  *place = entry;
  place->page_shift = static_cast<std::uint8_t>(shift);
  place->page = entry.output(input) & ~low_mask(shift);
  return place;
}

void Tlb::drop(Array& array, unsigned shift) {
  if (--array.count[shift] == 0) array.holds &= ~(std::uint64_t{1} << shift);
}

std::size_t Tlb::invalidate(const TlbInvalidation& what) {
  std::size_t dropped = 0;
  ++epoch_;
  for (Array& array : arrays_) {
    dropped += array.entries.erase_if([&](std::uint64_t entry_key, const TlbEntry& entry) {
      const auto shift = static_cast<unsigned>(entry_key & 63);
      const Addr page = entry_key >> 6 << shift;
      if (what.address && (*what.address ^ page) >> entry.program_shift != 0) return false;
      if (!what.matches(entry.tag, entry.global)) return false;
      drop(array, shift);
      return true;
    });
  }
  invalidated_ += dropped;
  return dropped;
}

void Tlb::forget_checks() {
  ++epoch_;
  for (Array& array : arrays_) {
    array.entries.for_each([](TlbEntry& entry) { entry.allowed = 0; });
  }
}

void Tlb::visit_stats(StatVisitor& v) {
  v.counter("hits", hits_, kCount, "look-ups that found a translation");
  v.counter("misses", misses_, kCount, "look-ups that did not, or whose translation was still on its way");
  v.counter("merged", merged_, kCount, "misses that waited for a translation already on its way");
  v.value("hit_rate", ratio(hits_, hits_ + misses_), "", "hits per look-up");
  v.counter("evictions", evictions_, kCount, "translations that gave way to others");
  v.counter("invalidated", invalidated_, kCount, "translations dropped by maintenance");
}

void Tlb::visit_probes(ProbeVisitor& v) {
  v.probe("hits", hits_probe_, 32, "hits so far");
  v.probe("misses", misses_probe_, 32, "misses so far");
}

}  // namespace pagoda
