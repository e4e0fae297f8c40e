// The page-table walker of one DRAM channel: commands in, one of four outcomes out.
//
// Models: a bounded queue (a command that finds it full waits on the link), a buffer of results, rows that are searched
// associatively if there are any, k walks at a time over paging's Walk with optional walk caches (mmu/walker.h), tables
// read beside the array or in the controller (walk_tables.h), the line of data with the translation if that lies in the
// channel and no cache of the host has it, and the answer's way out: the record as one burst of the channel if the
// walker is beside the array, nothing if it is in the controller. A channel's walker reads tables of its channel only;
// what lies elsewhere ends in a fallback. Does not model: an order between commands beyond that of their times.
//
// How time is made up:
//   frontend + [wait for the queue] + [buffer] + [search] + [wait for a slot + walk] + [line of data] + record + backend
#pragma once

#include <memory>
#include <optional>

#include "pagoda/mmu/memory_walk.h"
#include "pagoda/mmu/walker.h"
#include "pagoda/pim/associative_rows.h"
#include "pagoda/pim/result_buffer.h"
#include "pagoda/pim/walk_tables.h"

namespace pagoda {

class WalkEngine {
 public:
  WalkEngine(const MemoryWalkerConfig& config, const WalkTablesSite& site, std::uint32_t channel);

  struct Answer {
    Ps done;
    unsigned bytes;                 ///< that go back over the link
    std::uint64_t table_bytes = 0;  ///< table entries and data that have gone over the channel
    std::uint64_t data_bytes = 0;
    tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;
  };
  /// A command that reaches the controller at `at`. `root` is where the outermost tables begin.
  Answer walk(MemoryWalkCommand& command, Addr root, Ps at);
  /// When it has dropped what an invalidation names; the answer to that is for one channel to give.
  Ps invalidate(const TlbInvalidation& what, Ps at, Ps floor);
  Answer acknowledge(Addr near, Ps at);
  Answer look_up(TableLookup& lookup, Ps at, Ps floor);
  /// The host has written.
  void on_write(Addr address, std::uint64_t bytes) {
    if (buffer_) buffer_->on_write(address, bytes);
  }

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

  const WalkTableCounters& table_counters() { return tables_.counters(); }
  const Walker& walker() const { return walker_; }
  /// Of all that the engine does: rows, selections, searches, bursts, link.
  Energy energy();

 private:
  Ps enter(Ps at, Ps floor);
  Ps answer(MemoryWalkOutcome outcome, MemoryWalkCommand& command, Addr near, Ps at);
  MemoryWalkOutcome resolve(WalkJob& job, Addr root, WalkResult& result, Ps& now);
  bool find(const WalkJob& job, Addr input, WalkResult& result, Ps& now);
  bool fetch_data(const WalkJob& job, const WalkResult& result, Ps& now);

  MemoryWalkerConfig config_;
  WalkTablesSite site_;
  std::uint32_t channel_;
  bool in_array_;
  std::optional<ResultBuffer> buffer_;
  std::optional<AssociativeRows> associative_;
  WalkTables tables_;
  Walker walker_;
  Servers queue_;
  Servers::Slot place_{};  // of the command being worked on
  Ps typical_stay_ = 1;
  std::array<std::uint64_t, 4> outcomes_{};
  std::uint64_t commands_ = 0, invalidations_ = 0, lookups_ = 0, queue_full_ = 0, queue_wait_ = 0, transfers_ = 0,
                link_bytes_ = 0, table_bytes_ = 0, data_bursts_ = 0;
  Distribution latency_;
  Probe queue_probe_;
};

}  // namespace pagoda
