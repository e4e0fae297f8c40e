#include "pagoda/iommu/permission_table_guard.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

TranslatedGuard::Verdict PermissionTableGuard::check(const Request& request) {
  if (request.device_id >= layout_.devices) return ledger_.settle(request, Blocked::outside, request.at);
  const GuardDecision decision = for_each_page(request, layout_.pages.page_shift, request.at,
                                               [&](Addr page, Ps start) { return look_up_page(request, page, start); });
  return ledger_.settle(request, decision.why, decision.done);
}

GuardDecision PermissionTableGuard::look_up_page(const Request& request, Addr page, Ps at) {
  if (!layout_.pages.contains(page)) return {Blocked::outside, at};
  const GuardCache::Found found = cache_.read(layout_.rights_field(page, request.device_id), memory_, request, at);
  if (!found.known) return {Blocked::corrupt, found.done};
  const bool allowed = has(static_cast<DmaRights>(found.value), needed_for(request.access));
  return {allowed ? Blocked::no : Blocked::rights, found.done};
}

// Devices' tables are visited one after the other.
Ps PermissionTableGuard::invalidate_pages(PageNumbers pages, std::optional<std::uint32_t> device, Ps floor, Ps at) {
  const PageNumbers known = layout_.pages.range.common(pages);
  Ps cost = 0;
  if (known.count > 0 && device) {
    if (*device < layout_.devices) cost = drop(known, *device);
  } else if (known.count > 0) {
    for (std::uint32_t each = 0; each < layout_.devices; ++each) cost += drop(known, each);
  }
  return ledger_.invalidate(floor, at, cost);
}

Ps PermissionTableGuard::drop(PageNumbers pages, std::uint32_t device) {
  const Addr begin = layout_.rights_field(pages.first, device).word;
  const Addr end = layout_.rights_field(pages.end() - 1, device).word + 8;
  return cache_.invalidate(begin, end);
}

Ps PermissionTableGuard::invalidate_all(Ps floor, Ps at) {
  return ledger_.invalidate(floor, at, cache_.invalidate_if([](Addr, std::span<const std::uint64_t>) { return true; }));
}

void PermissionTableGuard::visit_stats(StatVisitor& v) {
  ledger_.visit_stats(v);
  v.enter("table");
  cache_.visit_stats(v);
  v.leave();
}

void PermissionTableGuard::visit_probes(ProbeVisitor& v) {
  ledger_.visit_probes(v);
  v.enter("table");
  cache_.visit_probes(v);
  v.leave();
}

const ConfigInfo& PermissionTableGuardConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<PermissionTableGuardConfig>("permission table guard",
                                                "Checks translated requests by a table of each device's rights.")
          .field("cache", &PermissionTableGuardConfig::cache, "cache of the devices' tables");
  return info;
}

}  // namespace pagoda
