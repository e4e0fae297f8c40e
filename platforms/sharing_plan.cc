#include "platforms/sharing_plan.h"

#include <algorithm>
#include <cmath>

namespace pagoda {

SharingPlan::SharingPlan(const SharingConfig& config, const std::vector<std::vector<std::uint32_t>>& devices,
                         std::uint64_t seed)
    : engine_(seed), sets_(devices.size()), slots_(config.pages) {
  for (std::size_t tenant = 0; tenant < devices.size(); ++tenant) {
    for (std::uint32_t i = 0; i < config.sets; ++i) {
      sets_[tenant].push_back(draw_set(devices[tenant], config.read_only));
    }
  }
  double sum = 0;
  for (std::uint32_t i = 0; i < config.sets; ++i) up_to_.push_back(sum += std::pow(i + 1.0, -config.skew));
  for (double& share : up_to_) share /= sum;
}

// Between one and all of them, each number equally likely.
DeviceSet SharingPlan::draw_set(const std::vector<std::uint32_t>& devices, double read_only) {
  std::vector<std::uint32_t> left = devices;
  const std::size_t count = 1 + engine_() % devices.size();
  DeviceSet set;
  for (std::size_t i = 0; i < count; ++i) {
    const auto chosen = left.begin() + static_cast<std::ptrdiff_t>(engine_() % left.size());
    set.add({*chosen, fraction() < read_only ? DmaRights::read : DmaRights::read_write});
    left.erase(chosen);
  }
  return set;
}

SharingPlan::Reference SharingPlan::draw_reference(TenantId tenant) {
  const auto chosen = std::lower_bound(up_to_.begin(), up_to_.end() - 1, fraction());
  return {tenant, sets_[tenant][static_cast<std::size_t>(chosen - up_to_.begin())]};
}

SharingPlan::Reference SharingPlan::draw_owner() {
  return draw_reference(static_cast<TenantId>(engine_() % sets_.size()));
}

// Another one, if there is another.
TenantId SharingPlan::draw_other(TenantId tenant) {
  if (sets_.size() == 1) return tenant;
  const auto other = static_cast<TenantId>(engine_() % (sets_.size() - 1));
  return other < tenant ? other : other + 1;
}

SharingPlan::Change SharingPlan::draw_change() {
  Change change{.slot = engine_() % slots_.size(), .taken = {}, .given = {}};
  const std::vector<Reference>& references = slots_[change.slot];
  if (references.empty()) {
    change.given = draw_owner();
  } else if (references.size() > 1) {
    change.taken = references.back();
  } else {
    const std::uint64_t kind = engine_() % 4;
    if (kind != 3) change.taken = references.front();
    if (kind != 2) change.given = draw_reference(draw_other(references.front().tenant));
  }
  return change;
}

void SharingPlan::taken(std::size_t slot, const Reference& reference) {
  std::vector<Reference>& references = slots_[slot];
  const auto same = [&](const Reference& r) { return r.tenant == reference.tenant && r.devices == reference.devices; };
  references.erase(std::find_if(references.begin(), references.end(), same));
}

DeviceSet SharingPlan::devices(std::size_t slot) const {
  DeviceSet all;
  for (const Reference& reference : slots_[slot]) all.add(reference.devices);
  return all;
}

}  // namespace pagoda
