#include "platforms/page_guard.h"

#include <algorithm>
#include <bit>
#include <set>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/software/software_time.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kFrameBytes = 4096;
constexpr std::uint64_t kBlockBytes = std::uint64_t{2} << 20;

// Blocks one after the other: takes blocks until some of them are; nothing if memory runs out before.
std::optional<Addr> allocate_run(FrameAllocator& frames, std::uint64_t blocks) {
  std::set<Addr> taken;
  std::optional<Addr> found;
  while (!found) {
    const std::optional<Addr> block = frames.allocate(kBlockBytes);
    if (!block) break;
    taken.insert(*block);
    Addr first = *block;
    while (taken.contains(first - kBlockBytes)) first -= kBlockBytes;
    std::uint64_t count = 0;
    while (count < blocks && taken.contains(first + count * kBlockBytes)) ++count;
    if (count == blocks) found = first;
  }
  for (const Addr block : taken) {
    if (!found || block < *found || block >= *found + blocks * kBlockBytes) frames.release(block, kBlockBytes);
  }
  return found;
}

}  // namespace

PageGuard::PageGuard(const sc_core::sc_module_name& name, const GuardConfig& config, std::uint32_t devices,
                     Duration order, ByteStore& store, FrameAllocator& frames, std::uint32_t requester)
    : Module(name), config_(validated(config, this->name())), order_(order), store_(store), port_(below_, requester) {
  const GuardedPages pages{.range = {0, frames.end() >> kPageShift}};
  bundle_layout_ = config.tables.layout(0, frames.end(), devices);
  permission_layout_ = {.pages = pages, .devices = devices};
  reverse_layout_ = {.pages = pages};
  const Ps period = config.clock.period();
  if (config.kind == GuardKind::permission_table) {
    permission_layout_.base = place(frames, permission_layout_.storage_bytes());
    store_.clear(permission_layout_.base, permission_layout_.storage_bytes());
    permissions_ = std::make_unique<PermissionTableGuard>(config.permission_table, permission_layout_, period, port_);
  } else if (config.kind == GuardKind::bundles) {
    bundle_layout_.ids = place(frames, bundle_layout_.table1_bytes());
    bundle_layout_.rows = place(frames, bundle_layout_.table2_bytes());
    manager_ = std::make_unique<BundleManager>(config.bookkeeping, bundle_layout_, store_);
    if (config.bundles.validation != Validation::off) {
      reverse_layout_.base = place(frames, reverse_layout_.storage_bytes());
      store_.clear(reverse_layout_.base, reverse_layout_.storage_bytes());
      validator_ = std::make_unique<TableValidator>(config.validator, reverse_layout_, period, port_);
    }
    bundles_ = std::make_unique<BundleGuard>(config.bundles, bundle_layout_, period, port_, validator_.get());
  }
}

Addr PageGuard::place(FrameAllocator& frames, std::uint64_t bytes) const {
  std::optional<Addr> place;
  if (bytes > kBlockBytes / 2) {
    place = allocate_run(frames, (bytes + kBlockBytes - 1) / kBlockBytes);
  } else {
    place = frames.allocate(std::max(kFrameBytes, std::bit_ceil(bytes)));
  }
  if (place) return *place;
  throw UserError({}, "io.guard", fmt::format("there are no {} B of contiguous memory for a table", bytes),
                  "allowed: more memory, or os.frames.contiguity_2m: 1");
}

TranslatedGuard* PageGuard::guard() {
  if (bundles_) return bundles_.get();
  return permissions_.get();
}

void PageGuard::set_tables(std::uint32_t device, const Stage& stage) {
  if (validator_) validator_->set_tables(device, stage);
}

bool PageGuard::give(TenantId tenant, const DeviceSet& devices, Addr page, const DeviceSet& all) {
  if (permissions_) write_rights(devices, page, all);
  if (!manager_) return true;
  const BundleManager::Status status = manager_->map(tenant, devices, page);
  most_bundles_ = std::max<std::uint64_t>(most_bundles_, manager_->pool().live());
  if (status == BundleManager::Status::exhausted || status == BundleManager::Status::too_many) return false;
  if (status == BundleManager::Status::ok || status == BundleManager::Status::waits_for_id) return true;
  throw std::logic_error("a page is given that the bundles' bookkeeping does not expect");
}

void PageGuard::take(TenantId tenant, const DeviceSet& devices, Addr page, const DeviceSet& all) {
  if (permissions_) write_rights(devices, page, all);
  if (!manager_) return;
  manager_->unmap(tenant, devices, page);
  most_bundles_ = std::max<std::uint64_t>(most_bundles_, manager_->pool().live());
}

// Of the devices that a reference concerns.
void PageGuard::write_rights(const DeviceSet& devices, Addr page, const DeviceSet& all) {
  for (const DeviceRight& right : devices) {
    const TableField field = permission_layout_.rights_field(page, right.device);
    const auto rights = static_cast<std::uint64_t>(all.of(right.device));
    if (read_field(store_, field) == rights) continue;
    write_field(store_, field, rights);
    due_rights_.push_back({right.device, page});
  }
}

void PageGuard::set_input(Addr page, std::optional<Addr> input) {
  if (!validator_) return;
  store_.write(reverse_layout_.entry(page), input ? ReverseLayout::value(*input) : 0);
  due_inputs_.push_back(page);
}

void PageGuard::entry_changed(Addr entry) {
  if (validator_) due_entries_.push_back(entry);
}

template <class Order>
void PageGuard::order(Order what) {
  if (!in_thread()) return;  // nothing is cached yet
  ++orders_;
  spend(order_.ps);
  done_ = std::max(done_, what(kernel_now()));
}

void PageGuard::invalidate() {
  done_ = kernel_now();
  for (const DevicePage& due : std::exchange(due_rights_, {})) {
    order([&](Ps now) { return permissions_->invalidate_pages({due.page, 1}, due.device, now, now); });
  }
  for (const Addr page : std::exchange(due_inputs_, {})) {
    order([&](Ps now) { return now + validator_->invalidate_page(page); });
  }
  for (const Addr entry : std::exchange(due_entries_, {})) {
    order([&](Ps now) { return now + validator_->invalidate_entry(entry); });
  }
  if (manager_) invalidate_bundles();
  if (in_thread()) spend(done_ - std::min(done_, kernel_now()));
}

void PageGuard::invalidate_bundles() {
  const DueInvalidations due = manager_->take_due();
  for (const PageNumbers& pages : due.pages) {
    order([&](Ps now) { return bundles_->invalidate_pages(pages, now, now); });
  }
  for (const BundleId bundle : due.bundles) {
    order([&](Ps now) { return bundles_->invalidate_bundle(bundle, now, now); });
  }
  ticket_ = due.ticket;
}

void PageGuard::complete() {
  if (manager_) manager_->invalidations_done(ticket_);
}

std::uint64_t PageGuard::storage_bytes() const {
  if (permissions_) return permission_layout_.storage_bytes();
  if (!bundles_) return 0;
  return bundle_layout_.storage_bytes() + (validator_ ? reverse_layout_.storage_bytes() : 0);
}

void PageGuard::verify() const {
  if (manager_) manager_->verify();
}

void PageGuard::visit_stats(StatVisitor& v) {
  v.value("storage", static_cast<double>(storage_bytes()), "B", "that the guard's tables take");
  const auto flat = permission_layout_.storage_bytes();
  v.value("permission_table_storage", static_cast<double>(flat), "B", "that permission tables of all devices take");
  v.value("storage_share", ratio(storage_bytes(), flat), "", "of the guard's tables in that");
  if (permissions_) permissions_->visit_stats(v);
  if (bundles_) bundles_->visit_stats(v);
  if (guard() != nullptr) v.counter("orders", orders_, kCount, "orders of software to drop something cached");
  if (manager_) {
    v.enter("bookkeeping");
    manager_->visit_stats(v);
    v.counter("bundles_max", most_bundles_, kCount, "most bundles in use");
    v.leave();
  }
  if (validator_) {
    v.enter("validator");
    validator_->visit_stats(v);
    v.leave();
  }
}

void PageGuard::visit_probes(ProbeVisitor& v) {
  if (permissions_) permissions_->visit_probes(v);
  if (bundles_) bundles_->visit_probes(v);
}

}  // namespace pagoda
