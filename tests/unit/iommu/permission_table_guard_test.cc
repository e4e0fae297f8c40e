// The permission table of every device over real bytes: decisions, times, invalidation.
#include "pagoda/iommu/permission_table_guard.h"

#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "unit/iommu/guard_bench.h"

namespace pagoda::permission_table_guard_test {

using test::FixedMemory;
using test::kCycle;
using test::kRead;
using test::request_of;
using test::stat_of;

constexpr Addr kPage = 4096;

struct PermissionTableGuardTest : ::testing::Test {
  void grant(Addr page, std::uint32_t device, DmaRights rights) {
    write_field(memory.store, layout.rights_field(page, device), static_cast<std::uint64_t>(rights));
  }
  bool allowed(std::uint32_t device, Addr page, AccessKind access = AccessKind::read) {
    return guard.check(request_of(device, page * kPage, access, at += 1'000'000)).allowed;
  }

  FixedMemory memory;
  PermissionLayout layout{.pages = {.range = {10, 200}}, .base = 0x4000, .devices = 3};
  PermissionTableGuardConfig config{.cache = {.entries = 16, .ways = 4, .latency = Latency::cycles(1)}};
  PermissionTableGuard guard{config, layout, kCycle, memory};
  Ps at = 0;
};

TEST_F(PermissionTableGuardTest, DecidesByDeviceAndPage) {
  for (Addr page = 10; page < 210; ++page) {
    for (std::uint32_t device = 0; device < 3; ++device) {
      grant(page, device, static_cast<DmaRights>((page * 7 + device * 3) % 4));
    }
  }
  for (Addr page = 10; page < 210; ++page) {
    for (std::uint32_t device = 0; device < 3; ++device) {
      const std::uint64_t bits = (page * 7 + device * 3) % 4;
      EXPECT_EQ(allowed(device, page, AccessKind::read), (bits & 1) != 0);
      EXPECT_EQ(allowed(device, page, AccessKind::write), (bits & 2) != 0);
    }
  }
  EXPECT_FALSE(allowed(0, 9));
  EXPECT_FALSE(allowed(0, 210));
  EXPECT_FALSE(allowed(3, 20));
  EXPECT_EQ(stat_of(guard, "blocked_outside"), 3);
}

// 32 pages of one device lie in a granule of 8 bytes.
TEST_F(PermissionTableGuardTest, OneLookUpAndOneRead) {
  const auto takes = [&](std::uint32_t device, Addr page, Ps start) {
    return guard.check(request_of(device, page * kPage, AccessKind::read, start)).done - start;
  };
  EXPECT_EQ(takes(0, 10, 0), kCycle + kRead);
  EXPECT_EQ(takes(0, 41, 10'000), kCycle + kRead - 10'000) << "on its way: arrives with the first";
  EXPECT_EQ(takes(0, 41, 1'000'000), kCycle);
  EXPECT_EQ(takes(0, 42, 2'000'000), kCycle + kRead);
  EXPECT_EQ(takes(1, 10, 3'000'000), kCycle + kRead) << "another device's table";
  EXPECT_EQ(stat_of(guard, "table.hits"), 1);
  EXPECT_EQ(stat_of(guard, "table.misses"), 4);
}

TEST_F(PermissionTableGuardTest, InvalidationOfOneDeviceOrOfAll) {
  const auto set_all = [&](DmaRights rights) {
    for (std::uint32_t device = 0; device < 3; ++device) grant(50, device, rights);
  };
  set_all(DmaRights::read);
  for (std::uint32_t device = 0; device < 3; ++device) EXPECT_TRUE(allowed(device, 50));
  set_all(DmaRights::none);
  for (std::uint32_t device = 0; device < 3; ++device) EXPECT_TRUE(allowed(device, 50)) << "stale";
  EXPECT_EQ(guard.invalidate_pages({50, 1}, 1, 0, at + 500'000), at + 500'000 + kCycle);
  EXPECT_TRUE(allowed(0, 50));
  EXPECT_FALSE(allowed(1, 50));
  EXPECT_EQ(guard.invalidate_pages({50, 1}, std::nullopt, 0, at + 500'000), at + 500'000 + 3 * kCycle);
  EXPECT_FALSE(allowed(0, 50));
  EXPECT_FALSE(allowed(2, 50));
  EXPECT_EQ(guard.invalidate_pages({50, 1}, 3, 0, at + 500'000), at + 500'000) << "no such device";
  EXPECT_EQ(guard.invalidate_all(0, at + 500'000), at + 500'000 + 4 * kCycle) << "four sets";
}

TEST_F(PermissionTableGuardTest, ATableThatMemoryRefusesBlocks) {
  grant(10, 0, DmaRights::read);
  memory.refuses = 0x4000;
  EXPECT_FALSE(allowed(0, 10));
  EXPECT_EQ(stat_of(guard, "blocked_corrupt"), 1);
  EXPECT_NO_THROW(validated(config));
}

}  // namespace pagoda::permission_table_guard_test
