// Which devices may do what with a page: the set that makes two pages members of one bundle.
#pragma once

#include <algorithm>
#include <compare>
#include <initializer_list>
#include <vector>

#include "pagoda/iommu/bundle_tables.h"

namespace pagoda {

struct DeviceRight {
  std::uint32_t device = 0;
  DmaRights rights = DmaRights::none;

  auto operator<=>(const DeviceRight&) const = default;
};

/// In order of devices, each with at least one right.
class DeviceSet {
 public:
  DeviceSet() = default;
  DeviceSet(std::initializer_list<DeviceRight> rights) {
    for (const DeviceRight& right : rights) add(right);
  }

  /// Adds rights to those the device has.
  void add(const DeviceRight& right) {
    if (right.rights == DmaRights::none) return;
    const auto place = std::lower_bound(rights_.begin(), rights_.end(), right.device, before);
    if (place != rights_.end() && place->device == right.device) {
      place->rights = place->rights | right.rights;
    } else {
      rights_.insert(place, right);
    }
  }
  void add(const DeviceSet& other) {
    for (const DeviceRight& right : other) add(right);
  }

  DmaRights of(std::uint32_t device) const {
    const auto place = std::lower_bound(begin(), end(), device, before);
    return place != rights_.end() && place->device == device ? place->rights : DmaRights::none;
  }
  /// Whether it grants everything that `other` grants.
  bool covers(const DeviceSet& other) const {
    return std::all_of(other.begin(), other.end(),
                       [this](const DeviceRight& right) { return has(of(right.device), right.rights); });
  }
  /// Rights granted, each right of each device for itself.
  std::size_t weight() const {
    std::size_t sum = 0;
    for (const DeviceRight& right : rights_) sum += right.rights == DmaRights::read_write ? 2 : 1;
    return sum;
  }

  bool empty() const { return rights_.empty(); }
  std::size_t size() const { return rights_.size(); }
  std::vector<DeviceRight>::const_iterator begin() const { return rights_.begin(); }
  std::vector<DeviceRight>::const_iterator end() const { return rights_.end(); }

  auto operator<=>(const DeviceSet&) const = default;

 private:
  static bool before(const DeviceRight& right, std::uint32_t device) { return right.device < device; }

  std::vector<DeviceRight> rights_;
};

}  // namespace pagoda
