// The baseline of bundle access control: a permission table for each device, with two bits for every page.
//
// Models: one read of the device's table, from memory through a cache; pages and devices outside of it are blocked
// without one. Invalidation by pages, of one device or of all. A request over several pages needs every page's leave.
// Does not model: hierarchical permission tables, one cache for each device.
//
// How time is made up: the table's look-up.
#pragma once

#include <optional>

#include "pagoda/iommu/guard_cache.h"
#include "pagoda/iommu/guard_ledger.h"

namespace pagoda {

/// The cache is as large as both of a BundleGuard's together.
struct PermissionTableGuardConfig {
  GuardCacheConfig cache{.entries = 320, .ways = 5};

  static const ConfigInfo& config_info();
};

class PermissionTableGuard final : public TranslatedGuard {
 public:
  /// `memory` outlives the guard. `period`: of its clock.
  PermissionTableGuard(const PermissionTableGuardConfig& config, const PermissionLayout& layout, Ps period,
                       GuardMemory& memory)
      : layout_(layout), memory_(memory), cache_(config.cache, period) {}

  Verdict check(const Request& request) override;

  /// Drops what is cached of the pages' rights, of one device or of all. Returns when it is done: no verdict from
  /// before is still on its way.
  Ps invalidate_pages(PageNumbers pages, std::optional<std::uint32_t> device, Ps floor, Ps at);
  Ps invalidate_all(Ps floor, Ps at);

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  GuardDecision look_up_page(const Request& request, Addr page, Ps at);
  Ps drop(PageNumbers pages, std::uint32_t device);

  PermissionLayout layout_;
  GuardMemory& memory_;
  GuardCache cache_;
  GuardLedger ledger_;
};

}  // namespace pagoda
