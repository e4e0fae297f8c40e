// The hardware page-table walker of a CPU: k walks at a time, each a chain of table reads through the memory
// hierarchy.
//
// Models: slots (a walk waits for a free one), walk caches and nested TLB in front of every stage, table
// reads one after the other at the time the memory gives them, accessed and dirty flags set by compare and
// swap. The walk itself is paging's Walk. Does not model: several reads of one walk at a time, prefetching of
// entries.
//
// How time is made up: wait for a slot + per stage the look-up of walk caches + the table reads and updates.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pagoda/base/attributes.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/timeline.h"
#include "pagoda/mmu/tlb.h"
#include "pagoda/mmu/walk_cache.h"
#include "pagoda/mmu/walker_config.h"
#include "pagoda/paging/walk.h"

namespace pagoda {

/// Timed access to page tables in memory.
class TableMemory {
 public:
  struct Answer {
    Ps done = 0;
    std::uint64_t value = 0;                ///< the entry; for an update, what memory holds afterwards
    bool swapped = true;                    ///< updates only
    FaultCause refused = FaultCause::none;  ///< access_error if memory refuses
  };

  virtual ~TableMemory() = default;
  virtual Answer read(Addr address, Ps at) = 0;
  virtual Answer compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) = 0;
};

struct WalkJob {
  std::span<const Stage> stages;
  AddressSpaceTag tag;
  WalkRequest request;
  Ps floor = 0;  ///< kernel time
  Ps at = 0;     ///< when the miss reaches the walker
};

struct WalkResult {
  Ps start = 0;  ///< when it got its slot
  Ps done = 0;
  Fault fault;     ///< set: there is no translation
  TlbEntry entry;  ///< ready at `done`
};

class Walker {
 public:
  Walker(const WalkerConfig& config, Ps period);

  WalkResult walk(const WalkJob& job, TableMemory& memory);
  void invalidate(const TlbInvalidation& what) { caches_.invalidate(what); }
  /// A miss found its walk already under way.
  void count_merged() { ++merged_; }

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  class Port;

  void translate(const WalkJob& job, Port& port, WalkResult& result);
  void finish(Walk& walk, const WalkJob& job, Port& port, WalkResult& result);

  WalkCaches caches_;
  Servers slots_;
  Ps typical_walk_ = 1;
  std::uint64_t walks_ = 0, merged_ = 0, faults_ = 0, table_reads_ = 0, update_reads_ = 0, updates_ = 0, slot_wait_ = 0;
  Distribution latency_;
  Probe busy_probe_;
  std::vector<Probe> level_probes_;  // of every slot
};

}  // namespace pagoda
