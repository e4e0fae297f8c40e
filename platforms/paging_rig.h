// Memory of a platform's programs that is paged to a volume: the pager, what it pages to, and what watches both.
//
//   core's MMU -> stores (tap) -> L1        pager -> ways to the volume (paging_store.h)
//
// Models: see pagoda/software/pager.h; at the start, pages drawn by the seed are in memory, the others on the volume,
// each with contents of its own; stores of programs change the bytes of their pages. Does not model: loading programs.
//
// Checked: what the pager checks at every step, and at the end that tables, books, memory and volume agree.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "pagoda/base/module.h"
#include "pagoda/software/pager.h"
#include "platforms/cpu.h"
#include "platforms/paging_config.h"
#include "platforms/paging_store.h"
#include "platforms/write_tap.h"

namespace pagoda {

/// The module `paging`.
class PagingRig final : public Module {
 public:
  /// For so many hardware threads.
  PagingRig(const sc_core::sc_module_name& name, const PagingConfig& config, unsigned threads, Os& os,
            PhysicalMemory& memory, Bus& bus, std::uint64_t seed);
  ~PagingRig() override;

  FaultHandler& faults() { return *pager_; }
  /// What is between a core's MMU and its first cache.
  WriteTap& add_core(Cpu& cpu);
  /// Addresses that a process's programs use.
  void add_range(Os::ProcessId process, Addr base, std::uint64_t bytes);
  /// When all are there: gives every page its place and its contents. Before the simulation.
  void place_pages();

  /// Whether pages are on their way still.
  bool busy() const { return pager_->transfers() > 0; }
  void start_measuring(Ps at) { measured_from_ = at; }
  void rethrow_failure() const;
  /// When nothing is on its way. Throws InvariantError.
  void check_invariants();

  void visit_stats(StatVisitor& visitor) override;

 private:
  Ps interrupted(Ps at);
  void fill(PageId page, std::uint64_t number);

  PagingConfig config_;
  Os& os_;
  PhysicalMemory& memory_;
  std::uint64_t seed_;
  std::unique_ptr<Pager> pager_;
  std::unique_ptr<PagingStore> store_;
  std::unique_ptr<VolumeSpace> space_;
  unsigned threads_;
  std::vector<Cpu*> cores_;
  std::vector<Core*> programs_;
  std::size_t next_interrupted_ = 0;
  std::vector<std::unique_ptr<WriteTap>> taps_;
  std::map<std::uint64_t, PageId> pages_;  // by key: each once, in the order of addresses
  std::uint64_t frames_ = 0;
  std::uint64_t stores_ = 0;
  std::uint64_t interrupts_ = 0;
  Ps measured_from_ = 0;
};

}  // namespace pagoda
