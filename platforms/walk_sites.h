// Who walks page tables in a platform with walkers in memory: those walkers, what they have to know of the host's
// caches, where system software puts tables, and what all walks cost, wherever they are made.
//
// Costs are counted alike for both sides: rows opened for table entries, bursts of them over the channel, time taken of
// banks (a row cycle for each row that a read of the host's walkers opens), energy (rows, bursts, selections beside the
// array, bytes over the link from the DRAM to the host: a line for each read of a host's walker that reaches the DRAM).
// What a table entry costs in the host's caches is not in it.
#pragma once

#include <memory>
#include <vector>

#include "pagoda/memory/cache.h"
#include "pagoda/pim/memory_walker.h"
#include "pagoda/software/os.h"
#include "platforms/cpu.h"

namespace pagoda {

class WalkSites : public Module, private HostCaches {
 public:
  explicit WalkSites(const sc_core::sc_module_name& name) : Module(name) {}

  void add(const MemoryWalkerConfig& config, Dram& dram, PhysicalMemory& bytes);
  /// Where the tables lie; after all have been added.
  TablePlacement placement() const;
  /// All cores, and the shared cache or null.
  void connect(const std::vector<std::unique_ptr<Cpu>>& cpus, Cache* shared);

  void visit_stats(StatVisitor& visitor) override;

 private:
  // Of walks that the hosts make, at one memory.
  struct HostCosts {
    std::uint64_t activates = 0;
    std::uint64_t bursts = 0;
  };
  struct Site {
    Dram* dram;
    std::unique_ptr<MemoryWalker> walker;
    HostCosts before;  // when statistics were cleared; the walker clears its own
  };

  Copy find(Addr line) override;
  Ps recall(Addr line, Ps at, Ps floor) override;

  std::vector<Site> sites_;
  std::vector<Cache*> caches_;
  const std::vector<std::unique_ptr<Cpu>>* cpus_ = nullptr;
};

}  // namespace pagoda
