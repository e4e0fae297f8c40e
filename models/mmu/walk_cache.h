// What shortens a walk: caches of upper-level entries (walk caches) and of later stages' translations (nested
// TLB).
//
// Models: one array per level for all stages, tagged with stage, ASID and VMID, that gives the lowest table
// known for an address with the rights of the entries above it, as x86 paging-structure caches do (Intel SDM
// vol. 3A, 4.10.3); and the nested TLB of Bhargava et al., "Accelerating two-dimensional page walks for
// virtualized systems", ASPLOS 2008: pages of a later stage's input, for table addresses and final addresses
// alike. A stage's look-ups all start together. Does not model: entries of more than one level in one array.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pagoda/base/assoc_array.h"
#include "pagoda/base/ports.h"
#include "pagoda/base/stats.h"
#include "pagoda/mmu/tlb.h"
#include "pagoda/mmu/walker_config.h"
#include "pagoda/paging/run_walk.h"

namespace pagoda {

class WalkCaches {
 public:
  WalkCaches(const WalkerConfig& config, Ps period);

  /// What is known about an address that a stage starts to translate, and when that is known.
  struct Answer {
    WalkHint hint;
    Ps done;
  };
  Answer look(const Stage& stage, const Step& step, AddressSpaceTag tag, Ps at);
  /// Of one that is not looked for in the nested TLB: the lowest table known for it, or null. It is referred to until
  /// something is kept or dropped. That is known at `done` at the earliest, which may be raised.
  const TablePointer* look_table(const Stage& stage, const Step& step, AddressSpaceTag tag, Ps at, Ps& done);
  /// Keeps what a walk found out.
  void keep(const Stage& stage, const Learned& learned, AddressSpaceTag tag);
  /// Drops what maintenance says. Upper levels go with every invalidation of their space, whatever its
  /// address: x86 demands it (SDM 4.10.4.1), RISC-V and Arm allow it.
  void invalidate(const TlbInvalidation& what);
  /// Drops what is known of later stages' tables: of one virtual machine or all; with an address that those stages
  /// translate, only the pages around it.
  void invalidate_later_stages(std::optional<std::uint32_t> vmid, std::optional<Addr> address);

  void visit_stats(StatVisitor& visitor);

 private:
  struct Pointer {
    TablePointer to;
    AddressSpaceTag tag;
    std::uint8_t stage;
    bool global;
  };
  struct LevelCache {
    unsigned level;
    Ps latency;
    AssocArray<Pointer> entries;
    Ports ports;
    // What was looked for last and not found, unless something has been kept since.
    std::uint64_t missed = 0;
    AddressSpaceTag missed_tag{};
    std::uint64_t hits = 0, misses = 0;
  };
  struct Nested {
    StageTranslation translation;
    std::uint32_t vmid;
    std::uint8_t stage;
  };
  struct NestedTlb {
    Ps latency;
    AssocArray<Nested> entries;
    Ports ports;
    std::uint64_t sizes = 0;  // bit s: has held pages of 2^s bytes
    std::uint64_t hits = 0, misses = 0;
  };

  const StageTranslation* find_nested(const Step& step, std::uint32_t vmid);
  const Pointer* find_pointer(LevelCache& cache, const Stage& stage, const Step& step, AddressSpaceTag tag);
  void keep_nested(const Learned& learned, std::uint32_t vmid);

  std::vector<LevelCache> levels_;  // lowest first
  std::optional<NestedTlb> nested_;
};

}  // namespace pagoda
