// Asks the translation tables whether they lead a device to the physical page of its translated request.
//
// Models: a reverse table in memory, one word for every physical page: the address under which devices know it, or
// nothing; then a walk of the device's own page tables from there, which has to end at the page, with the right.
// Reverse entries, entries of the last level and those above come from a cache each, which keeps bytes until they are
// invalidated. Does not model: pages that devices know under several addresses, processes of devices, second stages,
// fetching of device contexts (the root of each device is at hand), accessed and dirty flags (a walk that would have to
// set one fails).
//
// How time is made up: the look-up of the reverse entry, then one for each level of the walk, one after the other.
//
// This is a second opinion: who takes a page away has to see to the tables that the guard itself reads. Cached bytes
// that are too old let pass, or refuse, what the translation tables said before.
//
// Source: none; that translation tables may be asked as well, also at the same time, is public (US patent 11526451,
// claims 6 to 8).
#pragma once

#include <unordered_map>

#include "pagoda/iommu/bundle_guard.h"
#include "pagoda/paging/stage.h"

namespace pagoda {

/// Entries of the caches are round figures without a source.
struct TableValidatorConfig {
  GuardCacheConfig reverse{.entries = 256, .granule = {64}, .fills = 16};
  GuardCacheConfig upper{.entries = 64, .ways = 64, .granule = {64}, .fills = 16};
  GuardCacheConfig leaves{.entries = 512, .ways = 8, .granule = {64}, .fills = 16};

  static const ConfigInfo& config_info();
};

/// Where the reverse table is: 8 bytes for each page, bit 0 says that the address in bits 63:12 is one.
struct ReverseLayout {
  GuardedPages pages;
  Addr base = 0;

  Addr entry(Addr page) const { return base + (page - pages.range.first) * sizeof(std::uint64_t); }
  std::uint64_t storage_bytes() const { return pages.range.count * sizeof(std::uint64_t); }
  static std::uint64_t value(Addr input) { return (input & ~low_mask(kPageShift)) | 1; }
};

class TableValidator final : public Validator {
 public:
  /// `memory` outlives the validator. `period`: of its clock. Pages are of 4 KiB.
  TableValidator(const TableValidatorConfig& config, const ReverseLayout& layout, Ps period, GuardMemory& memory);

  /// What the device's context says. A device without is led nowhere.
  void set_tables(std::uint32_t device, const Stage& stage) { stages_[device] = stage; }

  Outcome validate(const TranslatedGuard::Request& request, Ps at) override;

  /// Drop the page's reverse entry, or a table entry; how long that takes.
  Ps invalidate_page(Addr page);
  Ps invalidate_entry(Addr entry);

  void visit_stats(StatVisitor& visitor);

 private:
  ReverseLayout layout_;
  GuardMemory& memory_;
  GuardCache reverse_;
  GuardCache upper_;
  GuardCache leaves_;
  std::unordered_map<std::uint32_t, Stage> stages_;
  std::uint64_t walks_ = 0, refused_ = 0;
  Distribution latency_;
};

}  // namespace pagoda
