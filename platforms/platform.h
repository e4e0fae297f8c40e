// A platform: everything a PlatformConfig describes, built, wired and run.
//
//   cores -> MMU -> L1 -> L2 -> bus -> last-level cache -> memory bus -> memory controllers
//   devices -> links -> IOMMU ----^
//
// What is left out in the configuration is left out of the chain. One platform per process: SystemC elaborates once.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pagoda/base/stats.h"
#include "pagoda/base/vcd.h"
#include "pagoda/interconnect/bus.h"
#include "pagoda/memory/cache.h"
#include "pagoda/memory/dram.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/physical_memory.h"
#include "pagoda/software/os.h"
#include "platforms/cpu.h"
#include "platforms/io_complex.h"
#include "platforms/migration_rig.h"
#include "platforms/paging_rig.h"
#include "platforms/platform_config.h"
#include "platforms/walk_sites.h"
#include "platforms/workload.h"

namespace pagoda {

class Platform {
 public:
  /// Builds the platform. Traces are opened, and read once if their pages are to be mapped beforehand.
  /// Errors: UserError.
  explicit Platform(const PlatformConfig& config);
  ~Platform();

  /// Records all probes; before run().
  void record(const std::string& vcd_path);

  /// Simulates until every core and device has finished. `progress` is called now and then with the part done, 0 to 1.
  /// Errors: UserError (a trace turns out damaged, memory runs out ...), InvariantError.
  void run(const std::function<void(double)>& progress = {});

  /// The results: `simulated_time_ns`, then every module.
  StatNode stats();
  /// Loads and stores of all cores and transfers of all devices, warm-up included.
  std::uint64_t accesses() const;

 private:
  void build_memory(const PlatformConfig& config);
  void build_cpus(const PlatformConfig& config);
  void start_program(const CpuConfig& config, std::size_t program, Core& thread, Mmu& mmu, Os::ProcessId process);
  void build_io(const PlatformConfig& config);
  WriteTap* tap_for(Cpu& cpu, Os::ProcessId process);
  void begin_measuring(Ps at);
  void finish_warm_up(Ps at);
  void check_invariants();
  Ps end_time() const;

  PlatformConfig config_;
  PhysicalMemory bytes_;
  std::unique_ptr<Bus> bus_;
  std::unique_ptr<Cache> llc_;
  std::unique_ptr<Bus> memory_bus_;
  std::vector<std::unique_ptr<Dram>> drams_;
  std::vector<std::unique_ptr<FixedMemory>> fixed_memories_;
  std::unique_ptr<WalkSites> walk_sites_;  // if walkers are in memory
  std::unique_ptr<Os> os_;
  std::vector<std::unique_ptr<Cpu>> cpus_;
  std::vector<Core*> threads_;               // all software threads of all cores: one each, if they have no more
  std::unique_ptr<MigrationRig> migration_;  // if a process migrates
  std::unique_ptr<PagingRig> paging_;        // if programs are paged
  std::vector<Workload> workloads_;
  std::vector<IoComplex::Program> programs_;  // of the cores
  std::unique_ptr<IoComplex> io_;             // if there are devices
  std::unique_ptr<VcdRecorder> recorder_;
  unsigned warming_up_ = 0;
  Ps measured_from_ = 0;
};

/// Gives every part without a clock of its own that of what it belongs to.
PlatformConfig with_clocks(PlatformConfig config);

}  // namespace pagoda
