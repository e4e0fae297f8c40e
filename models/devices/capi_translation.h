// How an adapter on a coherent link turns effective addresses into real ones, by itself.
//
// Models: a cache of translations, bounded and tagged with the address space, in front of walkers that read the page
// tables of the software in its memory, over the link (mmu/walker.h); a hit on a translation whose walk is under way
// waits for it; invalidations, answered when every access that used a dropped translation is done. Does not model:
// segment tables, translation by the host's own unit (as from POWER9 on), prefetching of translations.
//
// Time: the wait for a port + the look-up; on a miss the wait for a walker and the walk. All of it is walk or queue time
// to the access.
#pragma once

#include <vector>

#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/devices/capi_config.h"
#include "pagoda/mmu/mmu.h"

namespace pagoda {

class CapiTranslation {
 public:
  struct Answer {
    Ps at;                  ///< when that is known
    const TlbEntry* entry;  ///< null: refused, and the request has the fault
    Addr real = 0;          ///< if granted
  };

  /// `period` of the adapter's clock.
  CapiTranslation(const CapiTranslationConfig& config, Ps period);

  /// What an access of software with these translation registers, within a page, goes to.
  Answer translate(const MmuContext& software, const TimedRequest& request, Ps at, Downlink& tables);
  /// The access that `entry` was given for is done at `done`. To be called before the next one.
  void used(Addr effective, const TlbEntry& entry, Ps done, Ps floor);
  /// Drops translations at once; when all accesses that used one are done.
  Ps invalidate(const TlbInvalidation& what, Ps at);

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  // Accesses through one translation.
  struct Use {
    Addr page;
    TlbEntry entry;
    Ps until;
  };

  TlbEntry* find(const MmuContext& software, const WalkRequest& wanted, const TimedRequest& request, Ps& at);
  TlbEntry* walk(const MmuContext& software, const WalkRequest& wanted, const TimedRequest& request, Ps& at,
                 Downlink& tables);

  Tlb tlb_;
  Walker walker_;
  std::vector<Use> uses_;  // that may be under way
  std::uint64_t refused_ = 0, invalidations_ = 0, drain_ = 0;
};

}  // namespace pagoda
