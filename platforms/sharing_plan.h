// Who has which page: draws, from a seed, the sets of devices that tenants share pages with, and what changes next.
//
// Models: each tenant's sets of its devices, some of which only read; a set of a tenant is drawn by a Zipf
// distribution, tenants and pages each equally likely. A page is free, one tenant's or two tenants'. What comes next
// for a drawn page: a free one is mapped; one of a single tenant goes to another one (half of the times), is freed (a
// quarter) or is mapped by a second tenant too (a quarter); of two tenants the second leaves. Does not model: time, and
// what it takes.
#pragma once

#include <optional>
#include <random>
#include <vector>

#include "pagoda/base/random.h"
#include "pagoda/software/page_references.h"
#include "platforms/sharing_config.h"

namespace pagoda {

class SharingPlan {
 public:
  struct Reference {
    TenantId tenant = 0;
    DeviceSet devices;
  };
  /// First taken away, then given.
  struct Change {
    std::size_t slot = 0;
    std::optional<Reference> taken;
    std::optional<Reference> given;
  };

  /// `devices`: of each tenant, at least one.
  SharingPlan(const SharingConfig& config, const std::vector<std::vector<std::uint32_t>>& devices, std::uint64_t seed);

  std::size_t slots() const { return slots_.size(); }
  /// A first owner for a page.
  Reference draw_owner();
  Change draw_change();

  /// What has come of it.
  void taken(std::size_t slot, const Reference& reference);
  void given(std::size_t slot, const Reference& reference) { slots_[slot].push_back(reference); }

  const std::vector<Reference>& references(std::size_t slot) const { return slots_[slot]; }
  /// What all its references together grant.
  DeviceSet devices(std::size_t slot) const;

 private:
  using Engine = std::mt19937_64;

  DeviceSet draw_set(const std::vector<std::uint32_t>& devices, double read_only);
  Reference draw_reference(TenantId tenant);
  TenantId draw_other(TenantId tenant);
  double fraction() { return fraction_of(engine_()); }

  Engine engine_;
  std::vector<std::vector<DeviceSet>> sets_;  // by tenant
  std::vector<double> up_to_;                 // of the k-th set: the probability of it and those before
  std::vector<std::vector<Reference>> slots_;
};

}  // namespace pagoda
