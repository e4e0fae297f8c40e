// The walkers of a memory's channels as a part of its controller: what a Dram hands its commands to.
//
// Models: the channels' walk engines (walk_engine.h), and what the memory's side knows of lines in the host's caches
// (host_copies.h). A command goes to the channel that its payload's address lies in, an invalidation to all channels of
// the memory. Reads and writes by the host are
// noted: a line that was read may be cached, a write to a table drops what was derived from it.
//
// Errors: a look-up outside its table, or of a table that is out of reach, returns TLM_ADDRESS_ERROR_RESPONSE; a command
// without MemoryWalkCommand is answered with TLM_COMMAND_ERROR_RESPONSE.
#pragma once

#include <memory>
#include <vector>

#include "pagoda/memory/dram.h"
#include "pagoda/pim/walk_engine.h"

namespace pagoda {

class MemoryWalker : public Module, private DramCompanion {
 public:
  /// Attaches itself to the DRAM, whose bytes `memory` are.
  MemoryWalker(const sc_core::sc_module_name& name, const MemoryWalkerConfig& config, Dram& dram,
               PhysicalMemory& memory);

  /// The host's caches, which may hold lines of tables.
  void connect(HostCaches& caches) { copies_.connect(caches); }
  TableRows& rows() { return rows_; }
  const MemoryWalkerConfig& config() const { return config_; }

  /// Sums over the channels.
  WalkTableCounters table_counters();
  Energy energy();

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  void execute(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override;
  void on_access(const TimedRequest& request) override;
  template <class Visitor, class Visit>
  void for_each_channel(Visitor& visitor, Visit visit);

  MemoryWalkerConfig config_;
  Dram& dram_;
  TableRows rows_;
  MemoryTableBytes bytes_;
  HostCopies copies_;
  std::vector<std::unique_ptr<WalkEngine>> engines_;  // by channel
};

}  // namespace pagoda
