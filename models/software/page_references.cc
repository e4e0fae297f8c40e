#include "pagoda/software/page_references.h"

#include <algorithm>

namespace pagoda {
namespace {

auto of(TenantId tenant, const DeviceSet& devices) {
  return [tenant, &devices](const PageReferences::Reference& r) { return r.tenant == tenant && r.devices == devices; };
}

}  // namespace

void PageReferences::add(TenantId tenant, const DeviceSet& devices) {
  ++total_;
  const auto known = std::find_if(references_.begin(), references_.end(), of(tenant, devices));
  if (known != references_.end()) {
    ++known->count;
  } else {
    references_.push_back({tenant, devices, 1});
  }
}

bool PageReferences::remove(TenantId tenant, const DeviceSet& devices) {
  const auto known = std::find_if(references_.begin(), references_.end(), of(tenant, devices));
  if (known == references_.end()) return false;
  --total_;
  if (--known->count == 0) references_.erase(known);
  return true;
}

std::vector<PageReferences::Reference> PageReferences::remove_all(TenantId tenant) {
  std::vector<Reference> removed;
  std::erase_if(references_, [&](const Reference& reference) {
    if (reference.tenant != tenant) return false;
    total_ -= reference.count;
    removed.push_back(reference);
    return true;
  });
  return removed;
}

bool PageReferences::contains(TenantId tenant, const DeviceSet& devices) const {
  return std::any_of(references_.begin(), references_.end(), of(tenant, devices));
}

DeviceSet PageReferences::devices() const {
  DeviceSet all;
  for (const Reference& reference : references_) all.add(reference.devices);
  return all;
}

std::vector<TenantId> PageReferences::tenants() const {
  std::vector<TenantId> tenants;
  for (const Reference& reference : references_) tenants.push_back(reference.tenant);
  std::sort(tenants.begin(), tenants.end());
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  return tenants;
}

}  // namespace pagoda
