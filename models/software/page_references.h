// Who uses a page: how many guest virtual addresses point to it, by tenant and by the devices that may follow them.
//
// Models: the page's reference counter of bounded width, split by tenant and device set. A page is open to the devices
// of all its references together. Does not model: which addresses those are.
#pragma once

#include <cstdint>
#include <vector>

#include "pagoda/software/device_set.h"

namespace pagoda {

using TenantId = std::uint32_t;

class PageReferences {
 public:
  struct Reference {
    TenantId tenant;
    DeviceSet devices;
    std::uint64_t count;
  };

  void add(TenantId tenant, const DeviceSet& devices);
  /// Takes one away; false if there is none.
  bool remove(TenantId tenant, const DeviceSet& devices);
  /// Takes all of the tenant's away, and returns them.
  std::vector<Reference> remove_all(TenantId tenant);

  bool contains(TenantId tenant, const DeviceSet& devices) const;
  std::uint64_t total() const { return total_; }
  /// What all references together grant.
  DeviceSet devices() const;
  /// Each tenant once, in order.
  std::vector<TenantId> tenants() const;

  std::vector<Reference>::const_iterator begin() const { return references_.begin(); }
  std::vector<Reference>::const_iterator end() const { return references_.end(); }

 private:
  std::vector<Reference> references_;
  std::uint64_t total_ = 0;
};

}  // namespace pagoda
