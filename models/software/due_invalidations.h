// Which cached knowledge about pages' devices has become wrong, collected until software sends the invalidations.
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "pagoda/software/bundle_pool.h"

namespace pagoda {

/// One batch of invalidations. Sent in any order; done when all are.
struct DueInvalidations {
  struct DevicePages {
    std::uint32_t device;
    PageNumbers pages;

    bool operator==(const DevicePages&) const = default;
  };

  InvalidationTicket ticket = 0;
  std::vector<PageNumbers> pages;  ///< of table 1: their ids have changed
  std::vector<BundleId> bundles;   ///< of table 2: their rows have changed
  /// Of the devices' own translation caches: whatever led there and may no more. Physical pages; those caches know the
  /// addresses that were translated, and so does who unmapped them.
  std::vector<DevicePages> devices;

  bool empty() const { return pages.empty() && bundles.empty() && devices.empty(); }
};

/// Each thing once, neighbouring pages in one range, in order.
class DueCollector {
 public:
  void page(Addr page) { pages_.insert(page); }
  void bundle(BundleId bundle) { bundles_.insert(bundle); }
  void device(std::uint32_t device, Addr page) { devices_.emplace(device, page); }

  /// The ticket of what is being collected.
  InvalidationTicket ticket() const { return ticket_; }
  /// What was collected; what comes from here on belongs to the next ticket.
  DueInvalidations take() {
    DueInvalidations due{.ticket = ticket_++};
    for (const Addr page : pages_) {
      if (due.pages.empty() || due.pages.back().end() != page) due.pages.push_back({page, 0});
      ++due.pages.back().count;
    }
    for (const auto& [device, page] : devices_) {
      auto& ranges = due.devices;
      if (ranges.empty() || ranges.back().device != device || ranges.back().pages.end() != page) {
        ranges.push_back({device, {page, 0}});
      }
      ++ranges.back().pages.count;
    }
    due.bundles.assign(bundles_.begin(), bundles_.end());
    pages_.clear();
    bundles_.clear();
    devices_.clear();
    return due;
  }

 private:
  InvalidationTicket ticket_ = 1;
  std::set<Addr> pages_;
  std::set<BundleId> bundles_;
  std::set<std::pair<std::uint32_t, Addr>> devices_;
};

}  // namespace pagoda
