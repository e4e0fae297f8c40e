#include "pagoda/software/bundle_manager.h"

#include <algorithm>

#include "pagoda/base/config_builder.h"

namespace pagoda {

BundleManager::BundleManager(const BundleManagerConfig& config, const BundleLayout& layout, ByteStore& store)
    : config_(config),
      layout_(layout),
      store_(store),
      pool_(layout, config.counter_bits, store),
      device_references_(layout.devices, SaturatingCounter(config.counter_bits)) {
  store_.clear(layout_.ids, layout_.table1_bytes());
}

BundleManager::Status BundleManager::map(TenantId tenant, const DeviceSet& devices, Addr page) {
  const auto refuse = [this](Status why) {
    ++refused_;
    return why;
  };
  if (!in_range(devices, page)) return refuse(Status::out_of_range);
  if (pending(page)) return refuse(Status::pending);
  const auto known = pages_.find(page);
  DeviceSet wanted = devices;
  if (known != pages_.end()) {
    if (known->second.references.total() >= low_mask(config_.reference_bits)) return refuse(Status::too_many);
    wanted.add(known->second.references.devices());
  }
  if (config_.exhaustion == Exhaustion::deny && !can_place(wanted)) return refuse(Status::exhausted);

  ++maps_;
  const auto place = known != pages_.end() ? known : pages_.try_emplace(page).first;
  if (known == pages_.end()) {
    pool_.add_page(kNoBundle);
  } else {
    list(place->second, false);
  }
  place->second.references.add(tenant, devices);
  count_references(devices, 1, true);
  settle(place);
  return waiting_.contains(page) ? Status::waits_for_id : Status::ok;
}

BundleManager::Status BundleManager::unmap(TenantId tenant, const DeviceSet& devices, Addr page) {
  const auto known = pages_.find(page);
  if (known == pages_.end() || !known->second.references.contains(tenant, devices)) return Status::not_mapped;
  ++unmaps_;
  list(known->second, false);
  known->second.references.remove(tenant, devices);
  count_references(devices, 1, false);
  forget(page, devices, {});
  settle(known);
  return waiting_.contains(page) ? Status::waits_for_id : Status::ok;
}

BundleManager::Status BundleManager::change(TenantId tenant, const DeviceSet& from, const DeviceSet& to, Addr page) {
  if (!in_range(to, page)) return Status::out_of_range;
  const auto known = pages_.find(page);
  if (known == pages_.end() || !known->second.references.contains(tenant, from)) return Status::not_mapped;
  PageReferences changed = known->second.references;
  changed.remove(tenant, from);
  changed.add(tenant, to);
  if (config_.exhaustion == Exhaustion::deny && !can_place(changed.devices())) {
    ++refused_;
    return Status::exhausted;
  }
  list(known->second, false);
  known->second.references = std::move(changed);
  count_references(from, 1, false);
  count_references(to, 1, true);
  forget(page, from, to);
  settle(known);
  return waiting_.contains(page) ? Status::waits_for_id : Status::ok;
}

BundleManager::Status BundleManager::revoke(TenantId tenant, Addr page) {
  const auto known = pages_.find(page);
  if (known == pages_.end()) return Status::not_mapped;
  const std::vector<TenantId> tenants = known->second.references.tenants();
  if (!std::binary_search(tenants.begin(), tenants.end(), tenant)) return Status::not_mapped;
  list(known->second, false);
  for (const PageReferences::Reference& reference : known->second.references.remove_all(tenant)) {
    unmaps_ += reference.count;
    count_references(reference.devices, reference.count, false);
    forget(page, reference.devices, {});
  }
  settle(known);
  return waiting_.contains(page) ? Status::waits_for_id : Status::ok;
}

void BundleManager::remove_tenant(TenantId tenant) {
  std::set<Addr> theirs;  // in order, for ranges and for runs that can be repeated
  for (const auto& [page, record] : pages_) {
    const auto& references = record.references;
    if (std::any_of(references.begin(), references.end(), [&](const auto& r) { return r.tenant == tenant; })) {
      theirs.insert(page);
    }
  }
  for (const Addr page : theirs) revoke(tenant, page);
}

bool BundleManager::in_range(const DeviceSet& devices, Addr page) const {
  return layout_.pages.contains(page) && std::all_of(devices.begin(), devices.end(), [this](const DeviceRight& right) {
           return right.device < layout_.devices;
         });
}

BundleId BundleManager::choose(const DeviceSet& devices) {
  if (const auto known = pool_.find(devices)) return *known;
  if (pool_.has_free_id()) {
    const BundleId bundle = pool_.allocate(devices);
    ++allocated_;
    due_.bundle(bundle);  // a granule that came for its neighbour may hold the row as it was
    return bundle;
  }
  ++fallbacks_;
  return config_.exhaustion == Exhaustion::narrower ? pool_.best_within(devices) : kNoBundle;
}

// After a change of references, with the page taken off its tenants' lists.
void BundleManager::settle(Pages::iterator page) {
  auto& [number, record] = *page;
  place(number, record);
  if (record.references.total() > 0) return list(record, true);
  pool_.remove_page(kNoBundle, due_.ticket());
  resting_pages_[number] = due_.ticket();
  pages_.erase(page);
}

void BundleManager::place(Addr page, Page& record) {
  const DeviceSet wanted = record.references.devices();
  const BundleId bundle = choose(wanted);
  move(page, record, bundle);
  if (pool_.devices(bundle) == wanted) {
    waiting_.erase(page);
  } else {
    waiting_.insert(page);
  }
}

// The page joins before it leaves, so that no id is handed out in between.
void BundleManager::move(Addr page, Page& record, BundleId to) {
  const BundleId from = record.bundle;
  if (from == to) return;
  pool_.add_page(to);
  write_field(store_, layout_.id_field(page), to);
  ++ids_written_;
  ++moves_;
  record.bundle = to;
  due_.page(page);
  if (pool_.remove_page(from, due_.ticket())) {
    ++freed_;
    due_.bundle(from);
  }
}

void BundleManager::list(const Page& record, bool enter) {
  for (const TenantId tenant : record.references.tenants()) {
    if (enter) {
      ++tenants_[tenant][record.bundle];
      continue;
    }
    auto& bundles = tenants_[tenant];
    if (--bundles[record.bundle] == 0) bundles.erase(record.bundle);
    if (bundles.empty()) tenants_.erase(tenant);
  }
}

// A device may have cached the translation that the reference is, whatever other references to the page there are.
void BundleManager::forget(Addr page, const DeviceSet& before, const DeviceSet& now) {
  for (const DeviceRight& right : before) {
    if (!has(now.of(right.device), right.rights)) due_.device(right.device, page);
  }
}

void BundleManager::count_references(const DeviceSet& devices, std::uint64_t count, bool more) {
  for (const DeviceRight& right : devices) {
    SaturatingCounter& counter = device_references_[right.device];
    for (std::uint64_t i = 0; i < count; ++i) more ? counter.increment() : counter.decrement();
  }
}

DueInvalidations BundleManager::take_due() {
  DueInvalidations due = due_.take();
  for (const PageNumbers& range : due.pages) due_pages_ += range.count;
  for (const auto& range : due.devices) due_device_pages_ += range.pages.count;
  due_bundles_ += due.bundles.size();
  return due;
}

void BundleManager::invalidations_done(InvalidationTicket ticket) {
  ticket = std::min(ticket, due_.ticket() - 1);  // what has not been taken cannot be done
  pool_.invalidations_done(ticket);
  std::erase_if(resting_pages_, [ticket](const auto& page) { return page.second <= ticket; });
  const std::vector<Addr> waiting(waiting_.begin(), waiting_.end());
  for (const Addr page : waiting) {
    Page& record = pages_.at(page);
    if (!can_place(record.references.devices())) continue;
    list(record, false);
    place(page, record);
    list(record, true);
  }
}

BundleId BundleManager::bundle_of(Addr page) const {
  return static_cast<BundleId>(read_field(store_, layout_.id_field(page)));
}

std::uint64_t BundleManager::references(Addr page) const {
  const auto known = pages_.find(page);
  return known == pages_.end() ? 0 : known->second.references.total();
}

const std::map<BundleId, std::uint64_t>& BundleManager::bundles_of(TenantId tenant) const {
  static const std::map<BundleId, std::uint64_t> none;
  const auto known = tenants_.find(tenant);
  return known == tenants_.end() ? none : known->second;
}

const ConfigInfo& BundleManagerConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<BundleManagerConfig>("bundle manager", "How system software keeps bundles of pages.")
          .field("exhaustion", &BundleManagerConfig::exhaustion,
                 "what becomes of a page that needs a new bundle when there is no id left")
          .field("reference_bits", &BundleManagerConfig::reference_bits,
                 "width of a page's reference counter; more references are refused", in_range(1, 32))
          .field("counter_bits", &BundleManagerConfig::counter_bits,
                 "width of a bundle's page counter and of a device's reference counter; full ones stick",
                 in_range(1, 32));
  return info;
}

}  // namespace pagoda
