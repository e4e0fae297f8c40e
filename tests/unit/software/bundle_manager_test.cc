// The bookkeeping of bundles, rule by rule; sets, rows and ids are read back from the tables' bytes.
#include "pagoda/software/bundle_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "pagoda/iommu/bundle_guard.h"
#include "unit/iommu/guard_bench.h"

namespace pagoda::bundle_manager_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Status = BundleManager::Status;

constexpr DmaRights kR = DmaRights::read;
constexpr DmaRights kW = DmaRights::write;
constexpr DmaRights kRw = DmaRights::read_write;

struct BundleManagerTest : ::testing::Test {
  BundleManager make(const BundleManagerConfig& config = {}) { return {config, layout, store}; }
  DmaRights rights(BundleId bundle, std::uint32_t device) {
    return static_cast<DmaRights>(read_field(store, layout.rights_field(bundle, device)));
  }
  static void finish(BundleManager& manager) { manager.invalidations_done(manager.take_due().ticket); }

  SparseStore store;
  BundleLayout layout{
      .pages = {.range = {0x100, 64}}, .ids = 0x1000, .rows = 0x2000, .id_bits = 8, .bundles = 16, .devices = 5};
  DeviceSet nic{{1, kRw}}, gpu{{2, kR}}, both{{1, kRw}, {2, kR}};
};

TEST_F(BundleManagerTest, PagesOfOneSetShareABundle) {
  BundleManager manager = make();
  EXPECT_EQ(manager.map(7, nic, 0x100), Status::ok);
  EXPECT_EQ(manager.map(8, nic, 0x101), Status::ok) << "another tenant's page with the same set";
  EXPECT_EQ(manager.map(7, gpu, 0x102), Status::ok);
  const BundleId first = manager.bundle_of(0x100);
  const BundleId second = manager.bundle_of(0x102);
  EXPECT_NE(first, kNoBundle);
  EXPECT_EQ(manager.bundle_of(0x101), first);
  EXPECT_NE(second, first);
  EXPECT_EQ(manager.bundle_of(0x103), kNoBundle);
  EXPECT_EQ(rights(first, 1), kRw);
  EXPECT_EQ(rights(first, 2), DmaRights::none);
  EXPECT_EQ(rights(second, 2), kR);
  EXPECT_EQ(manager.pool().pages(first).value(), 2u);
  EXPECT_THAT(manager.bundles_of(7), ElementsAre(std::pair(first, 1u), std::pair(second, 1u)));
  EXPECT_THAT(manager.bundles_of(8), ElementsAre(std::pair(first, 1u)));
  EXPECT_THAT(manager.bundles_of(9), IsEmpty());
  manager.verify();
}

TEST_F(BundleManagerTest, APageIsOpenToAllOfItsReferences) {
  BundleManager manager = make();
  manager.map(7, nic, 0x100);
  const BundleId of_nic = manager.bundle_of(0x100);
  manager.map(7, nic, 0x110);
  manager.map(8, gpu, 0x100);
  const BundleId of_both = manager.bundle_of(0x100);
  EXPECT_NE(of_both, of_nic);
  EXPECT_EQ(rights(of_both, 1), kRw);
  EXPECT_EQ(rights(of_both, 2), kR);
  manager.map(9, both, 0x100);
  EXPECT_EQ(manager.bundle_of(0x100), of_both);
  EXPECT_EQ(manager.references(0x100), 3u);
  EXPECT_EQ(manager.device_references(1).value(), 3u) << "two to this page, one to the other";
  EXPECT_EQ(manager.device_references(2).value(), 2u);

  EXPECT_EQ(manager.unmap(8, gpu, 0x100), Status::ok);
  EXPECT_EQ(manager.bundle_of(0x100), of_both) << "the third reference grants as much";
  EXPECT_EQ(manager.unmap(9, both, 0x100), Status::ok);
  EXPECT_EQ(manager.bundle_of(0x100), of_nic);
  EXPECT_EQ(manager.unmap(9, both, 0x100), Status::not_mapped);
  EXPECT_EQ(manager.unmap(7, gpu, 0x100), Status::not_mapped) << "not with that set";
  manager.verify();
}

TEST_F(BundleManagerTest, SaysWhatHasToBeInvalidated) {
  BundleManager manager = make();
  for (Addr page = 0x100; page < 0x104; ++page) manager.map(7, both, page);
  const BundleId of_both = manager.bundle_of(0x100);
  DueInvalidations due = manager.take_due();
  EXPECT_EQ(due.ticket, 1u);
  EXPECT_THAT(due.pages, ElementsAre(PageNumbers{0x100, 4})) << "caches may hold that nobody has access";
  EXPECT_THAT(due.bundles, ElementsAre(of_both));
  EXPECT_THAT(due.devices, IsEmpty()) << "nothing was taken away";
  EXPECT_TRUE(manager.take_due().empty());

  manager.change(7, both, nic, 0x101);
  manager.change(7, both, nic, 0x102);
  const BundleId of_nic = manager.bundle_of(0x101);
  due = manager.take_due();
  EXPECT_EQ(due.ticket, 3u);
  EXPECT_THAT(due.pages, ElementsAre(PageNumbers{0x101, 2}));
  EXPECT_THAT(due.bundles, ElementsAre(of_nic));
  EXPECT_THAT(due.devices, ElementsAre(DueInvalidations::DevicePages{2, {0x101, 2}})) << "the NIC keeps its rights";

  manager.change(7, nic, {{1, kW}}, 0x101);
  due = manager.take_due();
  EXPECT_THAT(due.devices, ElementsAre(DueInvalidations::DevicePages{1, {0x101, 1}})) << "it loses reading";

  manager.unmap(7, both, 0x100);
  manager.unmap(7, both, 0x103);
  due = manager.take_due();
  EXPECT_THAT(due.pages, ElementsAre(PageNumbers{0x100, 1}, PageNumbers{0x103, 1}));
  EXPECT_THAT(due.bundles, ElementsAre(of_both)) << "freed";
  EXPECT_THAT(due.devices,
              ElementsAre(DueInvalidations::DevicePages{1, {0x100, 1}}, DueInvalidations::DevicePages{1, {0x103, 1}},
                          DueInvalidations::DevicePages{2, {0x100, 1}}, DueInvalidations::DevicePages{2, {0x103, 1}}));
}

// Tenant 7's translation in the NIC's cache leads to the page, which stays open to the NIC for tenant 8.
TEST_F(BundleManagerTest, ADeviceForgetsATranslationAlsoWhereItKeepsItsRights) {
  BundleManager manager = make();
  manager.map(7, nic, 0x100);
  manager.map(8, both, 0x100);
  finish(manager);
  manager.unmap(7, nic, 0x100);
  DueInvalidations due = manager.take_due();
  EXPECT_THAT(due.devices, ElementsAre(DueInvalidations::DevicePages{1, {0x100, 1}}));
  EXPECT_THAT(due.pages, IsEmpty());
  EXPECT_THAT(due.bundles, IsEmpty());
}

// The page's bundle grants nothing, but translation tables have led the device there, and the cache keeps that.
TEST_F(BundleManagerTest, ADeviceForgetsATranslationOfAPageThatWaitsForAnId) {
  layout.bundles = 2;
  BundleManager manager = make({.exhaustion = Exhaustion::no_access});
  manager.map(7, nic, 0x100);
  EXPECT_EQ(manager.map(7, gpu, 0x101), Status::waits_for_id);
  finish(manager);
  manager.unmap(7, gpu, 0x101);
  EXPECT_THAT(manager.take_due().devices, ElementsAre(DueInvalidations::DevicePages{2, {0x101, 1}}));
  EXPECT_EQ(manager.map(8, nic, 0x101), Status::pending);
}

TEST_F(BundleManagerTest, AFreedIdRestsUntilItsInvalidationsAreDone) {
  layout.bundles = 3;
  BundleManager manager = make();
  manager.map(7, nic, 0x100);
  manager.map(7, gpu, 0x101);
  const BundleId freed = manager.bundle_of(0x100);
  finish(manager);
  manager.unmap(7, nic, 0x100);
  EXPECT_EQ(manager.pool().state(freed), BundlePool::State::quarantined);
  EXPECT_EQ(rights(freed, 1), DmaRights::none);
  EXPECT_EQ(manager.map(7, nic, 0x102), Status::exhausted) << "not even for the same set";
  manager.invalidations_done(99);
  EXPECT_EQ(manager.map(7, nic, 0x102), Status::exhausted) << "what was not taken cannot be done";
  const DueInvalidations due = manager.take_due();
  EXPECT_EQ(manager.map(7, nic, 0x102), Status::exhausted) << "on their way";
  manager.invalidations_done(due.ticket - 1);
  EXPECT_EQ(manager.map(7, nic, 0x102), Status::exhausted) << "an older batch";
  manager.invalidations_done(due.ticket);
  EXPECT_EQ(manager.map(7, {{3, kW}}, 0x102), Status::ok);
  EXPECT_EQ(manager.bundle_of(0x102), freed);
  EXPECT_EQ(rights(freed, 1), DmaRights::none);
  EXPECT_EQ(rights(freed, 3), kW);
  manager.verify();
}

TEST_F(BundleManagerTest, APageGoesFromTenantToTenantOnlyAfterItsInvalidations) {
  BundleManager manager = make();
  manager.map(7, nic, 0x100);
  manager.map(7, nic, 0x101);
  EXPECT_EQ(manager.revoke(8, 0x100), Status::not_mapped);
  EXPECT_EQ(manager.revoke(7, 0x100), Status::ok);
  EXPECT_EQ(manager.mapped_pages(), 1u);
  EXPECT_EQ(manager.bundle_of(0x100), kNoBundle) << "closed at once";
  EXPECT_EQ(manager.map(8, gpu, 0x100), Status::pending);
  EXPECT_EQ(manager.map(7, nic, 0x100), Status::pending);
  const DueInvalidations due = manager.take_due();
  EXPECT_THAT(due.devices, ElementsAre(DueInvalidations::DevicePages{1, {0x100, 1}}));
  EXPECT_EQ(manager.map(8, gpu, 0x100), Status::pending);
  manager.invalidations_done(due.ticket);
  EXPECT_EQ(manager.map(8, gpu, 0x100), Status::ok);
  EXPECT_THAT(manager.bundles_of(7), ElementsAre(std::pair(manager.bundle_of(0x101), 1u)));
  manager.verify();
}

TEST_F(BundleManagerTest, ATenantGoesWithAllOfItsReferences) {
  BundleManager manager = make();
  for (Addr page = 0x100; page < 0x108; ++page) {
    for (Addr uses = 0; uses < page - 0xff; ++uses) manager.map(7, uses % 2 == 0 ? nic : gpu, page);
  }
  manager.map(8, gpu, 0x103);
  manager.remove_tenant(7);
  EXPECT_EQ(manager.mapped_pages(), 1u);
  EXPECT_EQ(manager.references(0x103), 1u);
  EXPECT_EQ(rights(manager.bundle_of(0x103), 1), DmaRights::none);
  EXPECT_EQ(manager.device_references(1).value(), 0u);
  EXPECT_EQ(manager.device_references(2).value(), 1u);
  EXPECT_THAT(manager.bundles_of(7), IsEmpty());
  manager.remove_tenant(7);
  manager.verify();
}

TEST_F(BundleManagerTest, WithoutIdsAMappingIsDeniedAndChangesNothing) {
  layout.bundles = 3;
  BundleManager manager = make({.exhaustion = Exhaustion::deny});
  manager.map(7, nic, 0x100);
  manager.map(7, gpu, 0x101);
  finish(manager);
  EXPECT_EQ(manager.map(8, both, 0x102), Status::exhausted);
  EXPECT_EQ(manager.map(8, gpu, 0x100), Status::exhausted) << "both together are a new set";
  EXPECT_EQ(manager.change(7, nic, both, 0x100), Status::exhausted);
  EXPECT_EQ(manager.map(8, nic, 0x102), Status::ok) << "a set that has its bundle";
  EXPECT_EQ(manager.map(8, {}, 0x103), Status::ok) << "no device needs no id";
  EXPECT_EQ(manager.references(0x100), 1u);
  EXPECT_THAT(manager.bundles_of(8), ElementsAre(std::pair(kNoBundle, 1u), std::pair(manager.bundle_of(0x102), 1u)));
  EXPECT_EQ(test::stat_of(manager, "refused"), 3);
  manager.verify();
}

// The only page of a bundle loses a device: what is left is a new set, its own id is still quarantined, the other used.
TEST_F(BundleManagerTest, TakingRightsAwayNeedsNoId) {
  layout.bundles = 3;
  BundleManager manager = make({.exhaustion = Exhaustion::deny});
  manager.map(7, nic, 0x100);
  manager.map(7, {{3, kR}}, 0x100);
  finish(manager);
  manager.map(7, gpu, 0x101);
  finish(manager);
  ASSERT_EQ(manager.pool().live(), 2u);
  EXPECT_EQ(manager.unmap(7, {{3, kR}}, 0x100), Status::waits_for_id);
  EXPECT_EQ(manager.bundle_of(0x100), kNoBundle) << "nothing is granted meanwhile";
  manager.verify();
  const DueInvalidations due = manager.take_due();
  EXPECT_EQ(manager.waiting_pages(), 1u);
  manager.invalidations_done(due.ticket);
  EXPECT_EQ(manager.waiting_pages(), 0u);
  EXPECT_EQ(rights(manager.bundle_of(0x100), 1), kRw);
  EXPECT_EQ(rights(manager.bundle_of(0x100), 3), DmaRights::none);
  EXPECT_THAT(manager.take_due().pages, ElementsAre(PageNumbers{0x100, 1})) << "for the id it has got";
  manager.verify();
}

TEST_F(BundleManagerTest, WithoutIdsAPageMayWaitWithoutAccess) {
  layout.bundles = 2;
  BundleManager manager = make({.exhaustion = Exhaustion::no_access});
  manager.map(7, nic, 0x100);
  EXPECT_EQ(manager.map(8, both, 0x101), Status::waits_for_id);
  EXPECT_EQ(manager.bundle_of(0x101), kNoBundle);
  EXPECT_EQ(manager.change(8, both, nic, 0x101), Status::ok) << "that set has its bundle";
  EXPECT_EQ(manager.change(8, nic, both, 0x101), Status::waits_for_id);
  manager.unmap(7, nic, 0x100);
  finish(manager);
  EXPECT_EQ(manager.waiting_pages(), 0u);
  EXPECT_EQ(rights(manager.bundle_of(0x101), 2), kR);
  manager.verify();
}

TEST_F(BundleManagerTest, WithoutIdsAPageMayJoinABundleThatGrantsLess) {
  layout.bundles = 5;
  BundleManager manager = make({.exhaustion = Exhaustion::narrower});
  manager.map(7, {{1, kR}}, 0x100);
  manager.map(7, {{1, kRw}, {2, kR}}, 0x101);
  manager.map(7, {{1, kRw}, {2, kRw}, {4, kRw}}, 0x102);
  manager.map(7, {{3, kRw}}, 0x103);
  EXPECT_EQ(manager.map(8, {{1, kRw}, {2, kRw}, {3, kR}}, 0x104), Status::waits_for_id);
  EXPECT_EQ(manager.bundle_of(0x104), manager.bundle_of(0x101)) << "the most without going beyond";
  EXPECT_EQ(manager.map(8, {{1, kW}}, 0x105), Status::waits_for_id);
  EXPECT_EQ(manager.bundle_of(0x105), kNoBundle) << "all grant something else";
  manager.verify();
  manager.remove_tenant(7);
  manager.verify();
  finish(manager);
  manager.verify();
  EXPECT_EQ(manager.waiting_pages(), 0u);
  EXPECT_EQ(rights(manager.bundle_of(0x104), 3), kR);
  EXPECT_EQ(rights(manager.bundle_of(0x105), 1), kW);
}

TEST_F(BundleManagerTest, AFullCounterSticksUntilARecount) {
  BundleManager manager = make({.counter_bits = 2});
  for (Addr page = 0x100; page < 0x102; ++page) manager.map(7, nic, page);
  const BundleId bundle = manager.bundle_of(0x100);
  EXPECT_EQ(manager.pool().pages(bundle).value(), 2u);
  EXPECT_FALSE(manager.pool().pages(bundle).stuck());
  for (Addr page = 0x102; page < 0x106; ++page) manager.map(7, nic, page);
  EXPECT_EQ(manager.pool().pages(bundle).value(), 3u);
  for (Addr page = 0x100; page < 0x105; ++page) manager.unmap(7, nic, page);
  EXPECT_EQ(manager.pool().pages(bundle).value(), 3u) << "one is left, but nobody knows";
  EXPECT_TRUE(manager.device_references(1).stuck());
  manager.verify();
  manager.recount();
  EXPECT_EQ(manager.pool().pages(bundle).value(), 1u);
  EXPECT_EQ(manager.device_references(1).value(), 1u);
  manager.verify();

  for (Addr page = 0x110; page < 0x114; ++page) manager.map(7, nic, page);
  manager.remove_tenant(7);
  finish(manager);
  EXPECT_EQ(manager.pool().state(bundle), BundlePool::State::live) << "without pages, but never freed";
  manager.verify();
  manager.recount();
  EXPECT_EQ(manager.pool().state(bundle), BundlePool::State::quarantined);
  EXPECT_THAT(manager.take_due().bundles, ElementsAre(bundle));
  EXPECT_EQ(manager.device_references(1).value(), 0u);
  manager.verify();
}

// Else the reference that takes the counter over its end could never be taken away, nor the page closed.
TEST_F(BundleManagerTest, AReferenceBeyondThePagesCounterIsRefused) {
  BundleManager manager = make({.reference_bits = 2});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(manager.map(7, nic, 0x100), Status::ok);
  EXPECT_EQ(manager.map(7, nic, 0x100), Status::too_many);
  EXPECT_EQ(manager.map(8, gpu, 0x100), Status::too_many);
  EXPECT_EQ(manager.references(0x100), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(manager.unmap(7, nic, 0x100), Status::ok);
  EXPECT_EQ(manager.bundle_of(0x100), kNoBundle);
  manager.verify();
}

TEST_F(BundleManagerTest, WhatTheTablesDoNotKnowIsRefused) {
  BundleManager manager = make();
  EXPECT_EQ(manager.map(7, nic, 0xff), Status::out_of_range);
  EXPECT_EQ(manager.map(7, nic, 0x140), Status::out_of_range);
  EXPECT_EQ(manager.map(7, {{5, kR}}, 0x100), Status::out_of_range);
  EXPECT_EQ(manager.map(7, {{4, kR}}, 0x13f), Status::ok);
  EXPECT_EQ(manager.change(7, {{4, kR}}, {{5, kR}}, 0x13f), Status::out_of_range);
  EXPECT_EQ(manager.unmap(7, nic, 0x200), Status::not_mapped);
  EXPECT_EQ(manager.revoke(7, 0x200), Status::not_mapped);
  EXPECT_EQ(manager.change(7, nic, gpu, 0x101), Status::not_mapped);
}

TEST_F(BundleManagerTest, VerifyFindsTablesThatSomebodyElseWrote) {
  BundleManager manager = make();
  manager.map(7, nic, 0x100);
  manager.map(7, gpu, 0x101);
  manager.verify();
  const TableField id = layout.id_field(0x100);
  const BundleId bundle = manager.bundle_of(0x100);
  write_field(store, id, manager.bundle_of(0x101));
  EXPECT_THROW(manager.verify(), InvariantError);
  write_field(store, id, bundle);
  manager.verify();
  write_field(store, layout.id_field(0x120), bundle);
  EXPECT_THROW(manager.verify(), InvariantError) << "a page that nobody mapped";
  write_field(store, layout.id_field(0x120), 0);
  write_field(store, layout.rights_field(bundle, 4), 1);
  EXPECT_THROW(manager.verify(), InvariantError);
}

class BundleIdWidths : public ::testing::TestWithParam<unsigned> {};

// As many sets as there are ids: every id but 0 is used, the next set finds none.
TEST_P(BundleIdWidths, EveryIdIsUsedAndNoneTwice) {
  const unsigned bits = GetParam();
  const std::uint32_t bundles = bits == 8 ? 256 : 700;
  test::FixedMemory memory;
  const BundleLayout layout{.pages = {.range = {0, 1024}},
                            .ids = 0x10000,
                            .rows = 0x20000,
                            .id_bits = bits,
                            .bundles = bundles,
                            .devices = 12};
  BundleManager manager({}, layout, memory.store);
  // The number's bits are the rights of devices 0 to 11: its lower six readers, its upper six writers.
  const auto set_of = [](Addr number) {
    DeviceSet set;
    for (std::uint32_t bit = 0; bit < 12; ++bit) {
      if ((number >> bit & 1) != 0) set.add({bit, bit < 6 ? kR : kW});
    }
    return set;
  };
  std::set<BundleId> ids;
  for (Addr page = 0; page < bundles - 1; ++page) {
    ASSERT_EQ(manager.map(1, set_of(page + 1), page), Status::ok);
    ids.insert(manager.bundle_of(page));
  }
  EXPECT_EQ(ids.size(), bundles - 1u);
  EXPECT_EQ(*ids.rbegin(), bundles - 1u);
  EXPECT_FALSE(ids.contains(kNoBundle));
  EXPECT_EQ(manager.map(1, set_of(bundles), 1000), Status::exhausted);
  manager.verify();

  BundleGuard guard({}, layout, test::kCycle, memory);
  Ps at = 0;
  for (Addr page = 0; page < bundles - 1; ++page) {
    for (std::uint32_t device = 0; device < 12; ++device) {
      const AccessKind right = device < 6 ? AccessKind::read : AccessKind::write;
      const AccessKind other = device < 6 ? AccessKind::write : AccessKind::read;
      const bool expected = (page + 1) >> device % 12 & 1;
      EXPECT_EQ(guard.check(test::request_of(device, page << 12, right, at += 1'000'000)).allowed, expected);
      EXPECT_FALSE(guard.check(test::request_of(device, page << 12, other, at += 1'000'000)).allowed);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Widths, BundleIdWidths, ::testing::Values(8u, 16u, 32u));

TEST(BundleManagerConfigs, SayWhatIsWrong) {
  EXPECT_NO_THROW(validated(BundleManagerConfig{}));
  EXPECT_THROW(validated(BundleManagerConfig{.counter_bits = 0}), UserError);
  EXPECT_THROW(validated(BundleManagerConfig{.reference_bits = 33}), UserError);
}

}  // namespace pagoda::bundle_manager_test
