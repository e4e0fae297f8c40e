// Every leaf entry of a stage's tables within a range of input addresses, in their order: what system software does that
// looks for dirty pages. Tables that are not there cost nothing.
//
// Each entry of a NAPOT or contiguous group counts by itself.
#pragma once

#include <algorithm>

#include "pagoda/paging/byte_store.h"
#include "pagoda/paging/page_entry.h"

namespace pagoda {

struct ScannedLeaf {
  Addr input = 0;      ///< first byte that this entry alone translates
  unsigned shift = 0;  ///< log2 of the bytes that it does
  Addr entry_address = 0;
  std::uint64_t value = 0;
  Entry entry;
};

/// Of input addresses [begin, end), which lie in one half of the address space. `visit(leaf)` may change the entry.
/// Returns how many entries were read.
template <class Visit>
std::uint64_t scan_leaves(const Stage& stage, ByteStore& store, Addr begin, Addr end, Visit visit) {
  struct Scan {
    const Stage& stage;
    ByteStore& store;
    Addr begin, end;
    Visit& visit;
    std::uint64_t reads = 0;

    // The table's first entry translates `input`, whose bits below those that the table's index covers are zero.
    void table(Addr address, unsigned level, Addr input) {
      const PageFormat& format = *stage.format;
      const unsigned shift = PageFormat::shift(level);
      const Addr covered = Addr{1} << format.index_bits(level);
      const Addr first = std::max(begin, input) >> shift;
      for (Addr number = first - (input >> shift); number < covered; ++number) {
        const Addr at = input + (number << shift);
        if (at >= end) return;
        const Addr place = address + number * kEntryBytes;
        const std::uint64_t value = store.read(place);
        ++reads;
        const Entry entry = decode(format, stage.controls, level, value);
        if (entry.kind == EntryKind::table) table(entry.address, level - 1, at);
        if (entry.kind == EntryKind::leaf) visit(ScannedLeaf{at, shift, place, value, entry});
      }
    }
  };
  if (begin >= end) return 0;
  const unsigned root = stage.format->root_level();
  const unsigned covered = PageFormat::shift(root) + stage.format->index_bits(root);
  Scan scan{stage, store, begin, end, visit};
  scan.table(stage.root, root, covered >= 64 ? 0 : begin >> covered << covered);
  return scan.reads;
}

/// The dirty flag in a leaf of formats that have one bit for it; of others (Arm) 0.
inline std::uint64_t dirty_flag(const PageFormat& format) { return with_flags(format, 0, Rights::dirty); }

/// Clears the entry's dirty flag if it is set, and says whether it was. Hardware may set flags of it meanwhile.
inline bool clear_dirty(const PageFormat& format, ByteStore& store, const ScannedLeaf& leaf) {
  if (!has(leaf.entry.rights, Rights::dirty)) return false;
  const std::uint64_t flag = dirty_flag(format);
  std::uint64_t expected = leaf.value;
  while ((expected & flag) != 0 && !store.compare_and_swap(leaf.entry_address, expected, expected & ~flag)) {
  }
  return true;
}

}  // namespace pagoda
