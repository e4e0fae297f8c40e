// Random sequences of mapping, sharing, changing and revoking, against a plain map from page and device to rights: what
// the guard decides from the tables' bytes through its caches, and every counter against a recount.
#include <deque>
#include <map>
#include <random>
#include <tuple>

#include <gtest/gtest.h>

#include "pagoda/iommu/bundle_guard.h"
#include "pagoda/software/bundle_manager.h"
#include "unit/iommu/guard_bench.h"

namespace pagoda::bundle_oracle_test {

using Status = BundleManager::Status;

constexpr Addr kFirstPage = 0x40;
constexpr Addr kPages = 96;
constexpr std::uint32_t kTenants = 4;

using Bits = std::map<std::uint32_t, unsigned>;  // device to rights: 1 reads, 2 writes

struct Case {
  unsigned id_bits;
  std::uint32_t bundles;
  std::uint32_t devices;
  Exhaustion exhaustion;
  unsigned batch;  // steps between invalidations, about
  unsigned seed;
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.id_bits << " bits, " << c.bundles << " bundles, " << c.devices << " devices, batches of " << c.batch;
}

struct BundleOracle : ::testing::TestWithParam<Case> {
  struct Reference {
    std::uint32_t tenant;
    Bits bits;
  };

  std::mt19937_64 random{GetParam().seed};
  test::FixedMemory memory;
  BundleLayout layout{.pages = {.range = {kFirstPage, kPages}},
                      .ids = 0x10000,
                      .rows = 0x40000,
                      .id_bits = GetParam().id_bits,
                      .bundles = GetParam().bundles,
                      .devices = GetParam().devices};
  BundleManager manager{{.exhaustion = GetParam().exhaustion}, layout, memory.store};
  BundleGuard guard{{.ids = {.entries = 8, .ways = 2, .granule = {16}}, .rights = {.entries = 4, .ways = 2}},
                    layout,
                    test::kCycle,
                    memory};
  std::map<Addr, std::vector<Reference>> pages;
  std::map<Addr, InvalidationTicket> resting;         // pages whose last user is gone
  std::map<BundleId, InvalidationTicket> given_back;  // ids that have vanished from table 1
  std::set<BundleId> used;
  // What devices' translation caches hold: rights by tenant (its process), device and page.
  std::map<std::tuple<std::uint32_t, std::uint32_t, Addr>, unsigned> atc;
  std::deque<DueInvalidations> sent;
  InvalidationTicket open = 1;
  Ps at = 0;

  unsigned pick(unsigned count) { return static_cast<unsigned>(random() % count); }
  Addr any_page() { return kFirstPage + pick(kPages); }

  // Few different sets, so that pages share bundles.
  Bits any_bits() {
    std::mt19937_64 kinds(pick(GetParam().bundles > 20 ? 40 : 6));
    Bits bits;
    for (std::uint32_t device = 0; device < GetParam().devices; ++device) {
      const unsigned rights = kinds() % 3 == 0 ? kinds() % 4 : 0;
      if (rights != 0) bits[device] = rights;
    }
    return bits;
  }
  static DeviceSet set_of(const Bits& bits) {
    DeviceSet set;
    for (const auto& [device, rights] : bits) set.add({device, static_cast<DmaRights>(rights)});
    return set;
  }
  unsigned granted(Addr page, std::uint32_t device) const {
    unsigned rights = 0;
    const auto known = pages.find(page);
    if (known == pages.end()) return 0;
    for (const Reference& reference : known->second) {
      const auto bits = reference.bits.find(device);
      if (bits != reference.bits.end()) rights |= bits->second;
    }
    return rights;
  }

  void gone_if_unused(Addr page) {
    if (!pages[page].empty()) return;
    pages.erase(page);
    resting[page] = open;
  }

  void step() {
    const unsigned what = pick(100);
    const Addr page = any_page();
    const std::uint32_t tenant = pick(kTenants);
    if (what < 45) {
      map(tenant, page);
    } else if (what < 75) {
      unmap();
    } else if (what < 88) {
      change();
    } else if (what < 99) {
      revoke(tenant, page);
    } else {
      manager.remove_tenant(tenant);
      for (Addr each = kFirstPage; each < kFirstPage + kPages; ++each) drop_tenant(tenant, each);
    }
  }

  void map(std::uint32_t tenant, Addr page) {
    const Bits bits = any_bits();
    const Status status = manager.map(tenant, set_of(bits), page);
    EXPECT_EQ(status == Status::pending, resting.contains(page));
    if (status == Status::ok || status == Status::waits_for_id) {
      if (!pages.contains(page)) {
        for (const auto& [where, rights] : atc) EXPECT_NE(std::get<Addr>(where), page) << "a former user still gets in";
      }
      pages[page].push_back({tenant, bits});
    }
    EXPECT_TRUE(GetParam().exhaustion == Exhaustion::deny || status != Status::exhausted);
  }
  // What the translation tables of the tenant say.
  unsigned translated(std::uint32_t tenant, std::uint32_t device, Addr page) const {
    unsigned rights = 0;
    const auto known = pages.find(page);
    if (known == pages.end()) return 0;
    for (const Reference& reference : known->second) {
      const auto bits = reference.bits.find(device);
      if (reference.tenant == tenant && bits != reference.bits.end()) rights |= bits->second;
    }
    return rights;
  }
  void devices_translate(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const std::tuple where{pick(kTenants), pick(layout.devices), any_page()};
      const unsigned rights = std::apply([this](auto... w) { return translated(w...); }, where);
      if (rights != 0) atc[where] |= rights;
    }
  }
  void expect_no_stale_translations() {
    for (const auto& [where, rights] : atc) {
      EXPECT_EQ(rights & ~std::apply([this](auto... w) { return translated(w...); }, where), 0u);
    }
  }
  std::pair<Addr, std::size_t> any_reference() {
    auto page = pages.lower_bound(any_page());
    if (page == pages.end()) page = pages.begin();
    return {page->first, pick(static_cast<unsigned>(page->second.size()))};
  }
  void unmap() {
    if (pages.empty()) return;
    const auto [page, index] = any_reference();
    auto& references = pages[page];
    const Reference gone = references[index];
    references.erase(references.begin() + static_cast<std::ptrdiff_t>(index));
    const Status status = manager.unmap(gone.tenant, set_of(gone.bits), page);
    EXPECT_TRUE(status == Status::ok || status == Status::waits_for_id) << "never refused";
    gone_if_unused(page);
  }
  void change() {
    if (pages.empty()) return;
    const auto [page, index] = any_reference();
    Reference& reference = pages[page][index];
    const Bits bits = any_bits();
    const Status status = manager.change(reference.tenant, set_of(reference.bits), set_of(bits), page);
    if (status != Status::exhausted) reference.bits = bits;
  }
  void revoke(std::uint32_t tenant, Addr page) {
    const bool there = drop_tenant(tenant, page);
    EXPECT_EQ(manager.revoke(tenant, page) != Status::not_mapped, there);
  }
  bool drop_tenant(std::uint32_t tenant, Addr page) {
    const auto known = pages.find(page);
    if (known == pages.end()) return false;
    const auto dropped = std::erase_if(known->second, [&](const Reference& r) { return r.tenant == tenant; });
    if (dropped > 0) gone_if_unused(page);
    return dropped > 0;
  }

  // Batches are sent as they are taken, and come to their end in order, some time after.
  void send() {
    sent.push_back(manager.take_due());
    EXPECT_EQ(sent.back().ticket, open++);
  }
  void finish_oldest() {
    const DueInvalidations due = std::move(sent.front());
    sent.pop_front();
    for (const PageNumbers& range : due.pages) guard.invalidate_pages(range, 0, at);
    for (const BundleId bundle : due.bundles) guard.invalidate_bundle(bundle, 0, at);
    for (const auto& [device, range] : due.devices) {
      std::erase_if(atc, [&, &gone = device, &from = range](const auto& entry) {
        return std::get<1>(entry.first) == gone && from.contains(std::get<Addr>(entry.first));
      });
    }
    std::erase_if(resting, [&](const auto& page) { return page.second <= due.ticket; });
    std::erase_if(given_back, [&](const auto& id) { return id.second <= due.ticket; });
    manager.invalidations_done(due.ticket);
  }
  // Twice: ids that are free again may go to pages that wait for them, which makes more due.
  void invalidate_all() {
    for (int i = 0; i < 2; ++i) {
      send();
      while (!sent.empty()) finish_oldest();
      expect_counters();
    }
  }

  // From table 1's bytes and the oracle's references.
  void expect_counters() {
    std::map<BundleId, std::uint64_t> in_bundle;
    std::map<std::uint32_t, std::map<BundleId, std::uint64_t>> of_tenant;
    std::map<std::uint32_t, std::uint64_t> of_device;
    for (Addr page = kFirstPage; page < kFirstPage + kPages; ++page) {
      const auto id = static_cast<BundleId>(read_field(memory.store, layout.id_field(page)));
      const auto known = pages.find(page);
      ASSERT_TRUE(known != pages.end() || id == kNoBundle) << page;
      EXPECT_EQ(manager.references(page), known == pages.end() ? 0 : known->second.size());
      if (known == pages.end()) continue;
      ++in_bundle[id];
      std::set<std::uint32_t> tenants;
      for (const Reference& reference : known->second) {
        tenants.insert(reference.tenant);
        for (const auto& [device, rights] : reference.bits) ++of_device[device];
      }
      for (const std::uint32_t tenant : tenants) ++of_tenant[tenant][id];
    }
    for (const auto& [id, count] : in_bundle) EXPECT_TRUE(count == 0 || id < manager.pool().first_untouched()) << id;
    std::uint64_t sum = 0;
    for (BundleId id = 0; id < manager.pool().first_untouched(); ++id) {
      const bool live = manager.pool().state(id) == BundlePool::State::live;
      if (live) {
        EXPECT_EQ(manager.pool().pages(id).value(), in_bundle[id]) << id;
        sum += manager.pool().pages(id).value();
      } else {
        EXPECT_EQ(in_bundle[id], 0u) << id;
      }
    }
    EXPECT_EQ(sum, pages.size());
    EXPECT_EQ(manager.mapped_pages(), pages.size());
    for (std::uint32_t tenant = 0; tenant < kTenants; ++tenant) {
      EXPECT_EQ(manager.bundles_of(tenant), of_tenant[tenant]);
    }
    for (std::uint32_t device = 0; device < layout.devices; ++device) {
      EXPECT_EQ(manager.device_references(device).value(), of_device[device]) << device;
    }
    expect_no_early_reuse(in_bundle);
  }

  void expect_no_early_reuse(const std::map<BundleId, std::uint64_t>& in_bundle) {
    std::set<BundleId> now;
    for (const auto& [id, count] : in_bundle) {
      if (id != kNoBundle && count > 0) now.insert(id);
    }
    for (const BundleId id : used) {
      if (!now.contains(id)) given_back.try_emplace(id, open);
    }
    for (const BundleId id : now) EXPECT_FALSE(given_back.contains(id)) << "bundle " << id << " is used too early";
    used = now;
  }

  // With everything invalidated. Pages that wait for an id may have fewer rights, never more.
  void expect_decisions(unsigned count) {
    const bool plenty = manager.waiting_pages() == 0;
    for (unsigned i = 0; i < count; ++i) {
      const Addr page = kFirstPage - 1 + pick(kPages + 2);  // one beyond either end
      const std::uint32_t device = pick(layout.devices + 1);
      const AccessKind access = std::array{AccessKind::read, AccessKind::write, AccessKind::fetch}[pick(3)];
      const bool expected = (granted(page, device) & (access == AccessKind::write ? 2 : 1)) != 0;
      const auto verdict = guard.check(test::request_of(device, page << 12 | pick(64) * 64, access, at += 5'000));
      if (plenty || !expected) {
        EXPECT_EQ(verdict.allowed, expected) << "page " << page << " device " << device;
      }
      (verdict.allowed ? allowed : blocked)++;
    }
  }

  unsigned allowed = 0, blocked = 0;
};

TEST_P(BundleOracle, DecisionsAndCountersAgreeAtEveryStep) {
  for (unsigned i = 1; i <= 1200 && !HasFailure(); ++i) {
    devices_translate(20);
    step();
    expect_counters();
    if (i % 8 == 0) {
      ASSERT_NO_THROW(manager.verify());
    }
    if (pick(GetParam().batch) == 0) send();
    if (!sent.empty() && pick(2 * GetParam().batch) == 0) finish_oldest();
    expect_counters();
    if (pick(GetParam().batch) != 0) continue;
    invalidate_all();
    expect_no_stale_translations();
    expect_decisions(25 * GetParam().batch);
  }
  EXPECT_GT(allowed, 200u);
  EXPECT_GT(blocked, 1000u);

  for (std::uint32_t tenant = 0; tenant < kTenants; ++tenant) {
    manager.remove_tenant(tenant);
    for (Addr page = kFirstPage; page < kFirstPage + kPages; ++page) drop_tenant(tenant, page);
  }
  invalidate_all();
  EXPECT_EQ(manager.pool().live(), 0u);
  EXPECT_EQ(manager.pool().quarantined(), 0u);
  for (Addr word = 0; word < layout.table1_bytes(); word += 8) EXPECT_EQ(memory.store.read(layout.ids + word), 0u);
  for (Addr word = 0; word < layout.table2_bytes(); word += 8) EXPECT_EQ(memory.store.read(layout.rows + word), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, BundleOracle,
    ::testing::Values(Case{8, 256, 3, Exhaustion::deny, 1, 1}, Case{16, 1024, 12, Exhaustion::deny, 1, 2},
                      Case{32, 1024, 40, Exhaustion::deny, 1, 3}, Case{16, 1024, 12, Exhaustion::deny, 7, 4},
                      Case{8, 256, 70, Exhaustion::no_access, 16, 5}, Case{8, 8, 5, Exhaustion::deny, 3, 6},
                      Case{8, 8, 5, Exhaustion::no_access, 3, 7}, Case{8, 8, 5, Exhaustion::narrower, 3, 8},
                      Case{16, 4, 20, Exhaustion::narrower, 1, 9}));

}  // namespace pagoda::bundle_oracle_test
