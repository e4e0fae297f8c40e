// Translations of pages of several sizes in set-associative arrays: what a TLB, an IOTLB and a device's translation
// cache have in common.
//
// Models: one or more arrays, each for given page sizes. An array of several sizes is probed once for every size it has
// held; index and tag are those of the page. A page larger than any size the arrays take is kept in pieces of the
// largest size that fits. Does not model time, tags beside the page (the owner matches those), hashing of the index.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "pagoda/base/access.h"
#include "pagoda/base/assoc_array.h"
#include "pagoda/mmu/tlb_config.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

/// `Entry` is plain data of which all-zero bytes are an empty entry.
template <class Entry>
class PageArray {
 public:
  struct Place {
    Entry* entry;
    std::uint8_t shift;  ///< of the piece that is kept: as large as the page, or smaller
    bool evicted;        ///< another page gave way
  };

  explicit PageArray(const TlbConfig& config) {
    add(config.geometry(), config.page_sizes);
    for (const TlbArrayConfig& array : config.superpages) add(array.geometry(), array.page_sizes);
    find_homes();
  }
  /// One array for all sizes.
  explicit PageArray(const AssocGeometry& geometry) {
    add(geometry, {});
    find_homes();
  }

  /// The entry of the page around `input` that `match` accepts, or null; counts as a use.
  template <class Match>
  Entry* find(Addr input, Match match) {
    for (Array& array : arrays_) {
      for (std::uint64_t shifts = array.holds; shifts != 0; shifts &= shifts - 1) {
        const auto shift = static_cast<unsigned>(std::countr_zero(shifts));
        Entry* entry = array.entries.use(array.entries.set_of(input >> shift), key(input, shift), match);
        if (entry != nullptr) return entry;
      }
    }
    return nullptr;
  }

  /// An entry that was found, to be used again as long as the arrays do not change.
  struct Handle {
    std::uint8_t array;
    typename AssocArray<Entry>::Handle place;
  };
  Handle handle_of(const Entry* entry) {
    std::uint8_t array = 0;
    while (!arrays_[array].entries.holds(entry)) ++array;
    return {array, arrays_[array].entries.handle_of(entry)};
  }
  void use(const Handle& handle) { arrays_[handle.array].entries.use(handle.place); }

  /// A place for the page around `input`: that of an older translation of it that `match` accepts, or a new one.
  template <class Match>
  Place fill(Addr input, unsigned page_shift, Match match) {
    const Home home = homes_[page_shift];
    AssocArray<Entry>& entries = arrays_[home.array].entries;
    Entry* const known = entries.use(entries.set_of(input >> home.shift), key(input, home.shift), match);
    return known != nullptr ? Place{known, home.shift, false} : fill(input, page_shift);
  }
  /// A new place, where there is no older translation of the page.
  Place fill(Addr input, unsigned page_shift) {
    const Home home = homes_[page_shift];
    Array& array = arrays_[home.array];
    const auto set = array.entries.set_of(input >> home.shift);
    const auto victim = array.entries.victim(set);
    const std::uint64_t old = array.entries.key_of(victim.entry);
    array.entries.replace(set, victim, key(input, home.shift));
    if (old == 0 || (old & kShiftMask) != home.shift) {
      if (old != 0) drop(array, old & kShiftMask);
      array.holds |= std::uint64_t{1} << home.shift;
      ++array.count[home.shift];
    }
    return {victim.entry, home.shift, old != 0};
  }

  /// Empties every entry for which `predicate(first address of the page, entry)` holds; returns how many.
  template <class Predicate>
  std::size_t erase_if(Predicate predicate) {
    std::size_t erased = 0;
    for (Array& array : arrays_) {
      erased += array.entries.erase_if([&](std::uint64_t entry_key, const Entry& entry) {
        const auto shift = static_cast<unsigned>(entry_key & kShiftMask);
        if (!predicate(entry_key >> kShiftBits << shift, entry)) return false;
        drop(array, shift);
        return true;
      });
    }
    return erased;
  }

  template <class Function>
  void for_each(Function function) {
    for (Array& array : arrays_) array.entries.for_each(function);
  }

 private:
  struct Array {
    AssocArray<Entry> entries;
    std::uint64_t accepts;                // bit s: takes pages of 2^s bytes
    std::uint64_t holds = 0;              // bit s: has entries of that size
    std::array<std::uint32_t, 64> count;  // of each size
  };

  // Where a page of some size goes: into an array, whole or in pieces of 2^shift bytes.
  struct Home {
    std::uint8_t array;
    std::uint8_t shift;
  };

  static constexpr unsigned kShiftBits = 6;
  static constexpr std::uint64_t kShiftMask = (1u << kShiftBits) - 1;

  static std::uint64_t key(Addr input, unsigned shift) { return (input >> shift) << kShiftBits | shift; }

  // An array for these sizes, or for all if there are none.
  void add(const AssocGeometry& geometry, const std::vector<Bytes>& sizes) {
    std::uint64_t shifts = sizes.empty() ? ~std::uint64_t{0} : 0;
    for (const Bytes size : sizes) shifts |= size.count;  // 2^s is bit s
    arrays_.push_back({AssocArray<Entry>(geometry), shifts, 0, {}});
  }

  void find_homes() {
    for (unsigned shift = 0; shift < homes_.size(); ++shift) homes_[shift] = home_of(shift);
  }

  // The array that takes the largest part of the page.
  Home home_of(unsigned page_shift) const {
    Home home{0, 0};
    for (std::size_t i = 0; i < arrays_.size(); ++i) {
      const std::uint64_t fitting = arrays_[i].accepts & low_mask(page_shift + 1);
      if (fitting == 0) continue;
      const auto largest = static_cast<std::uint8_t>(std::bit_width(fitting) - 1);
      if (largest > home.shift) home = {static_cast<std::uint8_t>(i), largest};
    }
    return home;
  }

  static void drop(Array& array, unsigned shift) {
    if (--array.count[shift] == 0) array.holds &= ~(std::uint64_t{1} << shift);
  }

  std::vector<Array> arrays_;
  std::array<Home, 64> homes_{};  // by page shift
};

}  // namespace pagoda
