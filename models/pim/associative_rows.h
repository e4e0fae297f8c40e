// Translations in DRAM rows, found by comparing the tags of a whole row at once.
//
// Models: rows of 32-byte entries, real bytes in memory; a page's number chooses a row, within which its translation
// may lie anywhere. A search opens the row and compares all tags in the sense amplifiers, bit after bit; a match is
// selected. Superpages are kept in pieces of 4 KiB as they are used. More than one match counts as none and clears
// them all. Fills take the places of a row in turn. Invalidations search every row. Does not model: refresh of tags in
// parallel columns, search in several rows of a bank at once.
//
// An entry: page number and flags; ASID and VMID; output page, its size, memory type; rights of every stage.
//
// How time is made up: [precharge, activate, sense] + bits * compare + select. It is not snooped: writes to page tables
// take effect in it with their invalidation, as in a TLB.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "pagoda/pim/walk_tables.h"

namespace pagoda {

class AssociativeRows {
 public:
  /// Those of one channel.
  AssociativeRows(const AssociativeRowsConfig& config, const WalkTablesSite& site, std::uint32_t channel);

  struct Found {
    std::optional<TlbEntry> entry;
    Ps done;
  };
  Found search(Addr input, AddressSpaceTag tag, WalkTables& tables, Ps at);
  void insert(Addr input, const TlbEntry& entry, WalkTables& tables, Ps at);
  Ps invalidate(const TlbInvalidation& what, WalkTables& tables, Ps at);

  Energy energy() const;
  void visit_stats(StatVisitor& visitor);

 private:
  using Words = std::array<std::uint64_t, 4>;

  std::uint32_t row_of(Addr input) const;
  Addr place(std::uint32_t row, std::uint32_t index) const {
    return site_.rows.associative_entry(channel_, row, index);
  }
  Words load(Addr address) const;
  void clear(Addr address) { site_.bytes.store(address, 0); }
  DramUsedRow use(std::uint32_t row, bool write, Ps hold, WalkTables& tables, Ps at);

  AssociativeRowsConfig config_;
  WalkTablesSite site_;
  std::uint32_t channel_;
  Ps compare_;                             ///< of all bits
  std::vector<std::uint32_t> next_place_;  // by row
  std::uint64_t hits_ = 0, misses_ = 0, multiple_ = 0, inserts_ = 0, invalidated_ = 0, searches_ = 0;
};

}  // namespace pagoda
