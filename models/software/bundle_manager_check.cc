// The bundle manager's counters against what they count, and its statistics.
#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/software/bundle_manager.h"

namespace pagoda {
namespace {

void require(bool holds, const std::string& rule) {
  if (!holds) throw InvariantError("bundles: " + rule);
}

}  // namespace

/// What there really is: pages per bundle from table 1's bytes, the rest from the pages' references.
struct BundleManager::Recount {
  std::unordered_map<BundleId, std::uint64_t> pages;  // without pages that nobody has mapped
  std::vector<std::uint64_t> device_references;
  std::map<TenantId, std::map<BundleId, std::uint64_t>> tenants;

  std::uint64_t in(BundleId bundle) const {
    const auto known = pages.find(bundle);
    return known == pages.end() ? 0 : known->second;
  }
};

BundleManager::Recount BundleManager::count_again() const {
  Recount recount{.device_references = std::vector<std::uint64_t>(layout_.devices)};
  std::uint64_t bundled = 0;
  for (Addr page = layout_.pages.range.first; page < layout_.pages.range.end(); ++page) {
    const BundleId bundle = bundle_of(page);
    if (bundle == kNoBundle) continue;
    ++recount.pages[bundle];
    ++bundled;
  }
  recount.pages[kNoBundle] = pages_.size() - bundled;
  for (const auto& [page, record] : pages_) {
    for (const PageReferences::Reference& reference : record.references) {
      for (const DeviceRight& right : reference.devices) recount.device_references[right.device] += reference.count;
    }
    for (const TenantId tenant : record.references.tenants()) ++recount.tenants[tenant][record.bundle];
  }
  return recount;
}

void BundleManager::recount() {
  const Recount recount = count_again();
  for (BundleId bundle = 0; bundle < pool_.first_untouched(); ++bundle) {
    if (pool_.state(bundle) != BundlePool::State::live) continue;
    if (!pool_.set_pages(bundle, recount.in(bundle), due_.ticket())) continue;
    ++freed_;
    due_.bundle(bundle);
  }
  for (std::uint32_t device = 0; device < layout_.devices; ++device) {
    device_references_[device].set(recount.device_references[device]);
  }
}

void BundleManager::verify() const {
  verify_pages();
  const Recount recount = count_again();
  verify_bundles(recount);
  require(recount.tenants == tenants_, "a tenant's list of bundles is not that of its pages");
  for (std::uint32_t device = 0; device < layout_.devices; ++device) {
    require(device_references_[device].stands_for(recount.device_references[device]),
            fmt::format("device {} has {} references, but {} are counted", device, recount.device_references[device],
                        device_references_[device].value()));
  }
}

void BundleManager::verify_pages() const {
  std::size_t bundled = 0;
  for (const auto& [page, record] : pages_) {
    const BundleId bundle = bundle_of(page);
    require(bundle == record.bundle,
            fmt::format("table 1 gives page {:#x} bundle {}, it is in {}", page, bundle, record.bundle));
    require(pool_.state(bundle) == BundlePool::State::live,
            fmt::format("page {:#x} is in bundle {}, which is not in use", page, bundle));
    const DeviceSet wanted = record.references.devices();
    const DeviceSet& granted = pool_.devices(bundle);
    require(waiting_.contains(page) ? wanted.covers(granted) : wanted == granted,
            fmt::format("bundle {} does not grant what page {:#x}'s references do", bundle, page));
    require(record.references.total() > 0, fmt::format("page {:#x} is mapped without references", page));
    if (bundle != kNoBundle) ++bundled;
  }
  for (Addr page = layout_.pages.range.first; page < layout_.pages.range.end(); ++page) {
    if (bundle_of(page) != kNoBundle) --bundled;
  }
  require(bundled == 0, "table 1 gives bundles to pages that are not mapped");
}

void BundleManager::verify_bundles(const Recount& recount) const {
  for (BundleId bundle = 0; bundle < pool_.first_untouched(); ++bundle) {
    const std::uint64_t pages = recount.in(bundle);
    if (pool_.state(bundle) != BundlePool::State::live) {
      require(pages == 0, fmt::format("bundle {} is free, but has {} pages", bundle, pages));
    } else {
      require(pool_.pages(bundle).stands_for(pages),
              fmt::format("bundle {} has {} pages, but {} are counted", bundle, pages, pool_.pages(bundle).value()));
    }
    for (std::uint32_t device = 0; device < layout_.devices; ++device) {
      const auto written = static_cast<DmaRights>(read_field(store_, layout_.rights_field(bundle, device)));
      require(written == pool_.devices(bundle).of(device),
              fmt::format("table 2 does not say what device {} may do with bundle {}", device, bundle));
    }
  }
}

void BundleManager::visit_stats(StatVisitor& v) {
  v.counter("maps", maps_, kCount, "references made");
  v.counter("unmaps", unmaps_, kCount, "references taken away");
  v.counter("refused", refused_, kCount, "references or changes refused");
  v.counter("fallbacks", fallbacks_, kCount, "times a page got fewer rights than asked for, because ids ran out");
  v.counter("moves", moves_, kCount, "pages that changed their bundle");
  v.counter("allocated", allocated_, kCount, "bundles made");
  v.counter("freed", freed_, kCount, "bundles freed");
  v.counter("ids_written", ids_written_, kCount, "words of table 1 written");
  v.value("row_words_written", static_cast<double>(pool_.words_written()), "", "words of table 2 written");
  v.counter("due_pages", due_pages_, kCount, "pages whose cached ids had to be invalidated");
  v.counter("due_bundles", due_bundles_, kCount, "bundles whose cached rows had to be invalidated");
  v.counter("due_device_pages", due_device_pages_, kCount, "pages that devices had to forget");
  v.value("bundles", static_cast<double>(pool_.live()), "", "bundles in use");
  v.value("quarantined", static_cast<double>(pool_.quarantined()), "", "bundle ids that wait for invalidations");
  v.value("mapped_pages", static_cast<double>(pages_.size()), "", "pages with references");
  v.value("waiting_pages", static_cast<double>(waiting_.size()), "", "pages with fewer rights than asked for");
  v.value("storage", static_cast<double>(layout_.storage_bytes()), "B", "that both tables take");
}

}  // namespace pagoda
