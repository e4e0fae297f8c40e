// A hardware page-table walker: k walks at a time, each a chain of table reads.
//
// Models: slots (a walk waits for a free one), walk caches and nested TLB in front of every stage, table
// reads one after the other at the time the memory gives them, accessed and dirty flags set by compare and
// swap. The walk itself is paging's Walk. A slot can hand its walk to a walker in memory (memory_walk.h) instead:
// always, or where the walk caches leave many tables to read; what that one cannot reach it walks by itself. Does not
// model: several reads of one walk at a time, prefetching of entries.
//
// How time is made up: wait for a slot + per stage the look-up of walk caches + the table reads and updates; or the
// round trip of the command, and after a fallback both.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/timeline.h"
#include "pagoda/mmu/memory_walk.h"
#include "pagoda/mmu/walk_cache.h"
#include "pagoda/mmu/walk_job.h"
#include "pagoda/mmu/walker_config.h"

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

/// Told of each table entry in which hardware has set flags: its physical address and new value.
using TableObserver = std::function<void(Addr, std::uint64_t)>;

class Walker {
 public:
  Walker(const WalkerConfig& config, Ps period);

  /// Walks are handed to `walks` from now on, as the configuration says.
  void hand_to(MemoryWalks& walks) { memory_walks_ = &walks; }

  /// Results tell of the last table from now on.
  void report_last_tables() { reports_last_tables_ = true; }

  WalkResult walk(const WalkJob& job, TableMemory& memory) {
    WalkResult result;
    walk(job, memory, result);
    return result;
  }
  /// Likewise, into a result that nothing has been put into.
  void walk(const WalkJob& job, TableMemory& memory, WalkResult& result);
  void invalidate(const TlbInvalidation& what) { caches_.invalidate(what); }
  /// A miss found its walk already under way.
  void count_merged() { ++merged_; }
  std::uint64_t walks() const { return walks_; }
  /// Table entries read, without those read only for an update.
  std::uint64_t table_reads() const { return table_reads_; }

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  class Port;

  bool walk_by_place(const WalkJob& job, Port& port, WalkResult& result);
  bool hand_over(const WalkJob& job, Port& port, WalkResult& result);
  bool begins_here(Walk& walk, Port& port) const;
  void translate(const WalkJob& job, Port& port, WalkResult& result);
  void finish(Walk& walk, const WalkJob& job, Port& port, WalkResult& result);

  WalkerPlace place_;
  std::uint32_t own_reads_;
  WalkCaches caches_;
  Servers slots_;
  MemoryWalks* memory_walks_ = nullptr;
  bool reports_last_tables_ = false;
  Ps typical_walk_ = 1;
  std::uint64_t walks_ = 0, merged_ = 0, faults_ = 0, table_reads_ = 0, update_reads_ = 0, updates_ = 0, slot_wait_ = 0;
  std::uint64_t handed_ = 0, fallbacks_ = 0;
  Distribution latency_;
  Probe busy_probe_;
  std::vector<Probe> level_probes_;  // of every slot
};

}  // namespace pagoda
