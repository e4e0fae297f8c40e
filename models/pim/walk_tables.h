// Page tables as a walker in memory reads them, in time.
//
// Models: two ways. Beside the array, an entry is selected in the sense amplifiers of its bank (activate, sense,
// select), a flag is set there and restored, and nothing goes over the channel. In the controller, the burst that holds
// the entry is read over the channel, and a flag is set by a posted write. Both first have the host's caches give up
// what they hold of the line. A table that the walker does not reach ends the walk: see out_of_reach(). Bytes are those
// at the time of the call; as long as an entry's row is in use by a walk, a write by the host waits for its bank.
//
// How time is made up: [recall] + [queued writes to the entry] + [precharge, activate, sense] + select + decode; or
// [recall] + a burst's time without the controller's ends + decode.
#pragma once

#include <span>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "pagoda/base/probe.h"
#include "pagoda/memory/dram_timing.h"
#include "pagoda/mmu/walker.h"
#include "pagoda/pim/host_copies.h"
#include "pagoda/pim/table_bytes.h"
#include "pagoda/pim/table_rows.h"

namespace pagoda {

/// What walks have done to the DRAM.
struct WalkTableCounters {
  std::uint64_t reads = 0;      ///< of entries
  std::uint64_t writes = 0;     ///< flags set
  std::uint64_t activates = 0;  ///< rows opened
  std::uint64_t bursts = 0;     ///< of table entries over the channel
  Ps bank_time = 0;             ///< taken of banks

  WalkTableCounters& operator+=(const WalkTableCounters& other) {
    reads += other.reads;
    writes += other.writes;
    activates += other.activates;
    bursts += other.bursts;
    bank_time += other.bank_time;
    return *this;
  }
};

/// What the ways have in common: one at a time is under way.
struct WalkTablesSite {
  DramTiming& dram;
  Addr base;  ///< of the DRAM
  const TableRows& rows;
  TableBytes& bytes;
  HostCopies& copies;
  Ps select;  ///< array only
  Ps decode;
};

class WalkTables final : public TableMemory {
 public:
  WalkTables(const WalkTablesSite& site, MemoryWalkerKind kind);

  /// Before each walk: it may use tables of this channel only.
  void begin(std::uint32_t channel, Ps floor);
  Answer read(Addr address, Ps at) override;
  Answer compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) override;

  /// Whether the walk came to a table that it cannot use.
  bool out_of_reach() const { return out_of_reach_; }
  /// The entries that it has read.
  std::span<const Addr> entries() const { return {entries_.data(), entries_.size()}; }

  /// Logic beside the array holds a row for something else: a search, a look-up.
  DramUsedRow use_row(Addr address, bool write, Ps hold, Ps at);

  WalkTableCounters& counters() { return counters_; }
  void visit_probes(ProbeVisitor& visitor);

 private:
  bool reachable(Addr address) const {
    return site_.rows.reaches(address) && site_.rows.channel_of(address) == channel_;
  }
  Ps use(Addr address, bool write, Ps at);

  WalkTablesSite site_;
  bool in_array_;
  Ps row_cycle_;
  std::uint32_t channel_ = 0;
  Ps floor_ = 0;
  bool out_of_reach_ = false;
  boost::container::small_vector<Addr, 8> entries_;
  WalkTableCounters counters_;
  Probe banks_probe_;
  std::vector<Probe> row_probes_;  // of every bank of the first channel
};

}  // namespace pagoda
