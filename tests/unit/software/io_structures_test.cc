// What the driver of an IOMMU keeps in memory: directories, as the IOMMU reads them; ranges of addresses; copies.
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "pagoda/software/io_directories.h"
#include "pagoda/software/iova_allocator.h"
#include "pagoda/software/page_copies.h"

namespace pagoda::io_structures_test {

constexpr std::uint64_t kPage = 4096;
constexpr IommuCapabilities kBase{0x10}, kExtended{0x10 | 1 << 22};  // without and with MSI page tables

// --- directories ----------------------------------------------------------------------------------------------------

struct Shape {
  IommuCapabilities capabilities;
  std::uint32_t id;
  unsigned levels;
  std::vector<std::uint64_t> indices;  // from the root
};
struct Directories : ::testing::TestWithParam<Shape> {
  SparseStore store;
  BumpFrames frames{0x10000, 0x100000};
};

// "Device-Directory-Table (DDT)": the lowest bits select a context of 32 or 64 bytes, nine each an entry above.
TEST_P(Directories, ContextsAreWhereTheSpecificationSays) {
  const Shape& shape = GetParam();
  EXPECT_EQ(DeviceDirectoryTable::levels_for(shape.capabilities, static_cast<unsigned>(std::bit_width(shape.id))),
            shape.levels);
  DeviceDirectoryTable directory(shape.capabilities, shape.levels, store, frames);
  EXPECT_EQ(directory.ddtp() & 0xf, shape.levels + 1) << "1LVL is 2";
  EXPECT_TRUE(directory.reaches(shape.id));
  directory.set(shape.id, {.tc = 1, .iohgatp = 2, .ta = 3, .fsc = 4, .msiptp = 5});
  Addr table = directory.ddtp() >> 10 << 12;
  for (std::size_t level = 0; level + 1 < shape.indices.size(); ++level) {
    const std::uint64_t entry = store.read(table + shape.indices[level] * 8);
    EXPECT_EQ(entry & 0x3ff, 1u);
    table = entry >> 10 << 12;
  }
  const bool extended = shape.capabilities.msi_flat();
  const Addr context = table + shape.indices.back() * (extended ? 64 : 32);
  for (Addr word = 0; word < 4; ++word) EXPECT_EQ(store.read(context + word * 8), word + 1);
  EXPECT_EQ(store.read(context + 32), extended ? 5u : 0u);
  EXPECT_EQ(frames.bytes_in_use(), shape.levels * kPage);
  directory.set(shape.id ^ 1, {.tc = 1});
  EXPECT_EQ(frames.bytes_in_use(), shape.levels * kPage) << "a neighbour needs no more";
  directory.set(shape.id, {});
  EXPECT_EQ(store.read(context), 0u);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Directories,
                         ::testing::Values(Shape{kExtended, 0x3f, 1, {63}}, Shape{kExtended, 0x40, 2, {1, 0}},
                                           Shape{kExtended, 0x7fff, 2, {511, 63}},
                                           Shape{kExtended, 0x8000, 3, {1, 0, 0}},
                                           Shape{kExtended, 0xabcdef, 3, {0x157, 0x137, 0x2f}},
                                           Shape{kBase, 0x7f, 1, {127}}, Shape{kBase, 0x80, 2, {1, 0}},
                                           Shape{kBase, 0xffff, 2, {511, 127}}, Shape{kBase, 0x10000, 3, {1, 0, 0}}));

struct ProcessShape {
  unsigned bits;
  std::uint32_t id;
  std::vector<std::uint64_t> indices;
};
struct ProcessDirectories : ::testing::TestWithParam<ProcessShape> {};

// "Process-Directory-Table (PDT)": 8 bits select a context of 16 bytes, then 9 and 3; pdtp.MODE is 1, 2 or 3.
TEST_P(ProcessDirectories, ContextsAreWhereTheSpecificationSays) {
  const ProcessShape& shape = GetParam();
  SparseStore store;
  BumpFrames frames(0x10000, 0x100000);
  ProcessDirectoryTable directory(shape.bits, store, frames);
  EXPECT_EQ(directory.pdtp() >> 60, shape.indices.size());
  EXPECT_TRUE(directory.reaches(shape.id));
  EXPECT_FALSE(directory.reaches(1u << shape.bits));
  directory.set(shape.id, {.ta = 0x5001, .fsc = 0x77});
  Addr table = (directory.pdtp() & low_mask(44)) << 12;
  for (std::size_t level = 0; level + 1 < shape.indices.size(); ++level) {
    table = store.read(table + shape.indices[level] * 8) >> 10 << 12;
  }
  EXPECT_EQ(store.read(table + shape.indices.back() * 16), 0x5001u);
  EXPECT_EQ(store.read(table + shape.indices.back() * 16 + 8), 0x77u);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ProcessDirectories,
                         ::testing::Values(ProcessShape{8, 0xff, {255}}, ProcessShape{17, 0x1ffff, {511, 255}},
                                           ProcessShape{17, 1, {0, 1}}, ProcessShape{20, 0xabcde, {5, 0xbc, 0xde}}));

TEST(DirectoryMemory, RunsOut) {
  SparseStore store;
  BumpFrames frames(0x10000, 0x10000 + 2 * kPage);
  DeviceDirectoryTable directory(kExtended, 3, store, frames);
  EXPECT_THROW(directory.set(0, {}), UserError);
}

// --- addresses ------------------------------------------------------------------------------------------------------

TEST(IovaRanges, DoNotOverlapAndAreUsedAgainForTheirKind) {
  struct Range {
    Addr start;
    std::uint64_t bytes;
    unsigned shift;
  };
  constexpr Addr kBegin = 0x7000, kEnd = Addr{1} << 30;
  IovaAllocator ranges(kBegin, kEnd);
  std::mt19937 random(3);
  std::vector<Range> live;
  std::set<Addr> small_pages, large_pages;  // every 4 KiB page that was part of a range with pages of 4 KiB or 2 MiB
  for (int step = 0; step < 3000; ++step) {
    if (live.size() < 20 || random() % 2 == 0) {
      const unsigned shift = random() % 8 == 0 ? 21 : 12;
      const std::uint64_t bytes = (random() % 6 + 1) << shift;
      const std::optional<Addr> start = ranges.allocate(bytes, shift);
      if (!start) continue;
      EXPECT_EQ(*start & low_mask(shift), 0u);
      EXPECT_GE(*start, kBegin);
      EXPECT_LE(*start + bytes, kEnd);
      for (const Range& other : live) {
        EXPECT_TRUE(*start + bytes <= other.start || other.start + other.bytes <= *start);
      }
      for (Addr page = *start; page < *start + bytes; page += kPage) {
        (shift == 12 ? small_pages : large_pages).insert(page);
        EXPECT_FALSE((shift == 12 ? large_pages : small_pages).contains(page));
      }
      live.push_back({*start, bytes, shift});
    } else {
      const auto victim = live.begin() + static_cast<std::ptrdiff_t>(random() % live.size());
      ranges.release(victim->start, victim->bytes, victim->shift);
      live.erase(victim);
    }
  }
}

TEST(IovaRanges, End) {
  IovaAllocator ranges(kPage, 4 * kPage);
  EXPECT_FALSE(ranges.allocate(4 * kPage, 12));
  EXPECT_EQ(ranges.allocate(kPage, 12), kPage);
  EXPECT_FALSE(ranges.allocate(kPage, 21)) << "aligned to a larger page";
  EXPECT_EQ(ranges.allocate(2 * kPage, 12), 2 * kPage);
  EXPECT_FALSE(ranges.allocate(1, 12));
  ranges.release(kPage, kPage, 12);
  EXPECT_EQ(ranges.allocate(1, 12), kPage) << "a page for a byte";
}

// --- copies ---------------------------------------------------------------------------------------------------------

TEST(Copies, AreSnapshotsInATableOfTheirOwn) {
  SparseStore store;
  BumpFrames frames(0x100000, 0x200000);
  PageCopies copies(2, store, frames);
  for (Addr offset = 0; offset < kPage; offset += 8) store.write(0x5000 + offset, offset * 3 + 1);
  ASSERT_TRUE(copies.make(0x5000));
  store.write(0x5008, 0);
  PageTableEditor reader({.format = find_page_format("sv48"), .root = copies.root()}, store, frames);
  const std::optional<MappedPage> copy = reader.find(0x5000);
  ASSERT_TRUE(copy);
  EXPECT_NE(copy->output, 0x5000u);
  EXPECT_FALSE(has(copy->rights, Rights::write));
  for (Addr offset = 0; offset < kPage; offset += 8) EXPECT_EQ(store.read(copy->output + offset), offset * 3 + 1);
  EXPECT_FALSE(reader.find(0x6000));

  ASSERT_TRUE(copies.make(0x6000));
  EXPECT_FALSE(copies.make(0x7000)) << "two frames";
  EXPECT_EQ(copies.drop(0x5000), copy->output);
  EXPECT_FALSE(reader.find(0x5000));
  EXPECT_FALSE(copies.drop(0x5000));
  EXPECT_FALSE(copies.make(0x7000)) << "somebody may still read the frame";
  copies.give_back(copy->output);
  EXPECT_TRUE(copies.make(0x7000));
}

}  // namespace pagoda::io_structures_test
