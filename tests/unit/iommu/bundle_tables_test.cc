// Where fields lie, against bit positions counted from the beginning of each table, and what tables take.
#include "pagoda/iommu/bundle_tables.h"

#include <gtest/gtest.h>

#include "pagoda/base/error.h"

namespace pagoda::bundle_tables_test {

// One bit of a little-endian memory.
bool bit_of(ByteStore& store, Addr table, std::uint64_t bit) {
  const Addr word = table + bit / 64 * 8;
  return (store.read(word) >> bit % 64 & 1) != 0;
}

std::uint64_t bits_of(ByteStore& store, Addr table, std::uint64_t first, unsigned count) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < count; ++i) value |= std::uint64_t{bit_of(store, table, first + i)} << i;
  return value;
}

class BundleIds : public ::testing::TestWithParam<unsigned> {};

TEST_P(BundleIds, LieOneAfterTheOther) {
  const unsigned bits = GetParam();
  SparseStore store;
  const BundleLayout layout{.pages = {.range = {100, 37}}, .ids = 0x4000, .id_bits = bits};
  const std::uint64_t highest = low_mask(bits);
  for (Addr i = 0; i < 37; ++i) write_field(store, layout.id_field(100 + i), highest - i);
  for (Addr i = 0; i < 37; ++i) {
    EXPECT_EQ(bits_of(store, 0x4000, i * bits, bits), highest - i) << i;
    EXPECT_EQ(read_field(store, layout.id_field(100 + i)), highest - i) << i;
  }
  EXPECT_EQ(layout.table1_bytes(), (37 * bits + 63) / 64 * 8);
  EXPECT_EQ(bits_of(store, 0x4000, 37 * bits, 64), 0u) << "nothing is written behind the last";
}
INSTANTIATE_TEST_SUITE_P(Widths, BundleIds, ::testing::Values(8u, 16u, 32u));

TEST(BundleTables, ARowHasTwoBitsForEachDevice) {
  for (const std::uint32_t devices : {1u, 4u, 5u, 16u, 31u, 32u, 33u, 100u}) {
    SparseStore store;
    const BundleLayout layout{.rows = 0x8000, .bundles = 9, .devices = devices};
    std::uint64_t bytes = (devices * 2 + 7) / 8;  // 1, 2, 4, or a multiple of 8
    if (bytes == 3) bytes = 4;
    if (bytes > 4) bytes = (bytes + 7) / 8 * 8;
    ASSERT_EQ(layout.row_bytes(), bytes) << devices;
    for (BundleId bundle = 0; bundle < 9; ++bundle) {
      for (std::uint32_t device = 0; device < devices; ++device) {
        write_field(store, layout.rights_field(bundle, device), (bundle + device) % 4);
      }
    }
    for (BundleId bundle = 0; bundle < 9; ++bundle) {
      for (std::uint32_t device = 0; device < devices; ++device) {
        const std::uint64_t expected = (bundle + device) % 4;
        EXPECT_EQ(bits_of(store, 0x8000, bundle * bytes * 8 + device * 2, 2), expected) << bundle << ' ' << device;
      }
    }
    EXPECT_EQ(layout.table2_bytes(), (9 * bytes + 7) / 8 * 8);
  }
}

TEST(BundleTables, PermissionTablesLieOneAfterTheOther) {
  SparseStore store;
  const PermissionLayout layout{.pages = {.range = {7, 45}}, .base = 0x1000, .devices = 3};
  ASSERT_EQ(layout.bytes_per_device(), 16u) << "90 bits in whole words";
  for (std::uint32_t device = 0; device < 3; ++device) {
    for (Addr i = 0; i < 45; ++i) write_field(store, layout.rights_field(7 + i, device), (i + device) % 4);
  }
  for (std::uint32_t device = 0; device < 3; ++device) {
    for (Addr i = 0; i < 45; ++i) {
      EXPECT_EQ(bits_of(store, 0x1000 + device * 16, i * 2, 2), (i + device) % 4) << device << ' ' << i;
    }
  }
  EXPECT_EQ(layout.storage_bytes(), 48u);
}

// 4 GiB in pages of 4 KiB are 2^20 pages.
TEST(BundleTables, StorageFollowsFromPagesDevicesAndBundles) {
  BundleFormat format{.id_bits = 16, .bundles = 1024};
  for (const std::uint32_t devices : {4u, 64u, 1024u}) {
    const BundleLayout bundles = format.layout(0, std::uint64_t{4} << 30, devices);
    EXPECT_EQ(bundles.table1_bytes(), std::uint64_t{2} << 20);
    EXPECT_EQ(bundles.table2_bytes(), 1024u * devices / 4);
    const PermissionLayout flat{.pages = bundles.pages, .devices = devices};
    EXPECT_EQ(flat.storage_bytes(), (std::uint64_t{1} << 18) * devices);
    EXPECT_EQ(bundles.storage_bytes() < flat.storage_bytes(), devices > 8);
  }
  format.page_size = {std::uint64_t{2} << 20};
  const BundleLayout large = format.layout(std::uint64_t{1} << 30, std::uint64_t{4} << 30, 4);
  EXPECT_EQ(large.pages.range, (PageNumbers{512, 2048}));
  EXPECT_EQ(large.table1_bytes(), 4096u);
}

TEST(BundleTables, RightsCoverReadsFetchesAndWrites) {
  EXPECT_TRUE(has(DmaRights::read_write, needed_for(AccessKind::write)));
  EXPECT_TRUE(has(DmaRights::read, needed_for(AccessKind::fetch)));
  EXPECT_FALSE(has(DmaRights::read, needed_for(AccessKind::write)));
  EXPECT_FALSE(has(DmaRights::write, needed_for(AccessKind::read)));
  EXPECT_EQ(DmaRights::read | DmaRights::write, DmaRights::read_write);
}

TEST(BundleTables, RangesHaveACommonPart) {
  const PageNumbers range{10, 5};
  EXPECT_EQ(range.common({12, 100}), (PageNumbers{12, 3}));
  EXPECT_EQ(range.common({0, 11}), (PageNumbers{10, 1}));
  EXPECT_EQ(range.common({15, 3}).count, 0u);
  EXPECT_EQ(range.common({0, 10}).count, 0u);
  EXPECT_FALSE(range.contains(9));
  EXPECT_TRUE(range.contains(14));
  EXPECT_FALSE(range.contains(15));
}

TEST(BundleTables, MoreBundlesThanIdsAreRefused) {
  EXPECT_NO_THROW(validated(BundleFormat{.id_bits = 8, .bundles = 256}));
  EXPECT_THROW(validated(BundleFormat{.id_bits = 8, .bundles = 257}), UserError);
  EXPECT_NO_THROW(validated(BundleFormat{.id_bits = 16, .bundles = 65'536}));
  EXPECT_THROW(validated(BundleFormat{.id_bits = 16, .bundles = 65'537}), UserError);
  EXPECT_NO_THROW(validated(BundleFormat{.id_bits = 32, .bundles = 65'537}));
  EXPECT_THROW(validated(BundleFormat{.id_bits = 12}), UserError);
  EXPECT_THROW(validated(BundleFormat{.bundles = 1}), UserError) << "only bundle 0";
  EXPECT_THROW(validated(BundleFormat{.page_size = {5000}}), UserError);
}

}  // namespace pagoda::bundle_tables_test
