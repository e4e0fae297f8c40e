// What a migration is made of: sets of pages, the pages of a process, what the other machine has received, the witness.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "pagoda/paging/leaf_scan.h"
#include "pagoda/software/address_space.h"
#include "pagoda/software/guest_pages.h"
#include "pagoda/software/migration_witness.h"
#include "pagoda/software/os_config.h"
#include "pagoda/software/page_set.h"
#include "pagoda/software/received_memory.h"

namespace pagoda::migration_parts_test {

using Page = std::array<unsigned char, ReceivedMemory::kPage>;

TEST(PageSet, IsASet) {
  std::mt19937_64 engine(1);
  PageSet set(1000), other(1000);
  std::set<std::uint64_t> expected, expected_other;
  for (int i = 0; i < 4000; ++i) {
    const std::uint64_t page = engine() % 1000;
    switch (engine() % 3) {
      case 0: EXPECT_EQ(set.insert(page), expected.insert(page).second); break;
      case 1: EXPECT_EQ(set.erase(page), expected.erase(page) == 1); break;
      default: other.insert(page); expected_other.insert(page);
    }
    ASSERT_EQ(set.count(), expected.size());
    const auto next = expected.lower_bound(page);
    ASSERT_EQ(set.next(page), next == expected.end() ? 1000 : *next);
  }
  set |= other;
  expected.insert(expected_other.begin(), expected_other.end());
  EXPECT_EQ(set.count(), expected.size());
  set -= other;
  EXPECT_EQ(set.count(), expected.size() - expected_other.size());
}

TEST(GuestPages, AreNumberedThroughAllRanges) {
  GuestPages pages;
  pages.add(0x10000, 0x2000);
  pages.add(0x8000'0800, 0x1000);  // touches two pages
  pages.add(0x11000, 0x3000);      // overlaps the first
  EXPECT_EQ(pages.ranges().size(), 2u);
  EXPECT_EQ(pages.count(), 4u + 2);
  EXPECT_EQ(pages.number_of(0x13fff), 3u);
  EXPECT_EQ(pages.number_of(0x14000), std::nullopt);
  EXPECT_EQ(pages.number_of(0x8000'1000), 5u);
  for (std::uint64_t page = 0; page < pages.count(); ++page) {
    EXPECT_EQ(pages.number_of(pages.address_of(page)), page);
  }
}

TEST(ReceivedMemory, KeepsEveryByte) {
  std::mt19937_64 engine(2);
  ReceivedMemory memory(16, 16);
  std::map<std::uint64_t, Page> expected;
  for (int i = 0; i < 500; ++i) {
    const std::uint64_t page = engine() % 16;
    if (engine() % 3 != 0 || !memory.has(page)) {
      Page bytes{};
      for (std::uint64_t n = engine() % 8; n > 0; --n)
        bytes[engine() % bytes.size()] = static_cast<unsigned char>(engine());
      ASSERT_TRUE(memory.store(page, bytes));
      expected[page] = bytes;
    } else {
      const std::size_t offset = engine() % 4000;
      const std::vector<unsigned char> data(1 + engine() % 96, static_cast<unsigned char>(engine()));
      memory.write(page, offset, data);
      std::copy(data.begin(), data.end(), expected[page].begin() + static_cast<std::ptrdiff_t>(offset));
    }
    Page found{};
    memory.load(page, found);
    ASSERT_EQ(found, expected[page]);
    EXPECT_TRUE(memory.equals(page, expected[page]));
    found[engine() % found.size()] ^= 1;
    EXPECT_FALSE(memory.equals(page, found));
  }
  EXPECT_EQ(memory.count(), expected.size());
}

TEST(ReceivedMemory, RefusesWhatHasNoRoom) {
  ReceivedMemory memory(16, 2);
  const Page page{};
  EXPECT_TRUE(memory.store(3, page));
  EXPECT_TRUE(memory.store(4, page));
  EXPECT_FALSE(memory.store(5, page));
  EXPECT_TRUE(memory.store(4, page)) << "it is there already";
  EXPECT_FALSE(memory.has(5));
}

TEST(Witness, KnowsWhatWasWrittenAfterItsCopy) {
  MigrationWitness witness;
  EXPECT_TRUE(witness.stale(0x1000)) << "never copied";
  witness.copied(0x1000);
  EXPECT_FALSE(witness.stale(0x1000));
  const std::uint64_t moment = witness.now();
  witness.written(0x1008);
  EXPECT_TRUE(witness.stale(0x1000));
  EXPECT_FALSE(witness.written_by_device_since(0x1000, moment));
  witness.written_by_device(0x1010);
  EXPECT_TRUE(witness.written_by_device_since(0x1000, moment));
  witness.copied(0x1000);
  EXPECT_FALSE(witness.stale(0x1000));
  witness.forget_copies();
  EXPECT_TRUE(witness.stale(0x1000));
}

// Against the editor, which finds one page at a time.
TEST(LeafScan, FindsWhatTheEditorFinds) {
  for (const char* name : {"x86-64-4", "sv39", "sv48", "ept-4"}) {
    SparseStore store;
    FrameAllocator frames({.order = FrameOrder::sequential, .contiguity_2m = 0.5}, 0, std::uint64_t{1} << 32, 1);
    AddressSpace space(*find_page_format(name), {}, {.page_shift = 21}, store, frames);
    std::mt19937_64 engine(3);
    const Addr base = 0x4000'0000;
    for (int i = 0; i < 40; ++i)
      ASSERT_EQ(space.ensure(base + engine() % 0x800'0000).outcome <= AddressSpace::Outcome::mapped, true);
    const Addr begin = base + 0x12'3000, end = base + 0x700'0000;
    std::map<Addr, std::uint64_t> found, expected;
    scan_leaves(space.stage(), space.store(), begin, end, [&](const ScannedLeaf& leaf) {
      for (Addr page = leaf.input; page - leaf.input < Addr{1} << leaf.shift; page += kPageBytes) {
        if (page >= begin && page < end) found[page] = leaf.entry.address + (page - leaf.input);
      }
    });
    for (Addr page = begin; page < end; page += kPageBytes) {
      const auto mapped = space.editor().find(page);
      if (mapped) expected[page] = mapped->output + (page - mapped->input);
    }
    EXPECT_EQ(found, expected) << name;
    EXPECT_GT(found.size(), 20u);
  }
}

TEST(LeafScan, ClearsDirtyFlagsOnce) {
  SparseStore store;
  FrameAllocator frames({.order = FrameOrder::sequential, .contiguity_2m = 0}, 0, std::uint64_t{1} << 30, 1);
  AddressSpace space(*find_page_format("sv48"), controls_for(*find_page_format("sv48"), FlagSetting::hardware), {},
                     store, frames);
  for (Addr page = 0; page < 8; ++page) space.ensure(page << 12);
  const auto clear = [&] {
    std::vector<Addr> dirty;
    scan_leaves(space.stage(), store, 0, 8 << 12, [&](const ScannedLeaf& leaf) {
      if (clear_dirty(*space.stage().format, store, leaf)) dirty.push_back(leaf.input);
    });
    return dirty;
  };
  EXPECT_EQ(clear().size(), 8u);
  EXPECT_EQ(clear().size(), 0u);
  ASSERT_TRUE(space.set_flags(0x3000, true));
  ASSERT_TRUE(space.set_flags(0x5000, false));
  EXPECT_EQ(clear(), std::vector<Addr>{0x3000}) << "accessed is not dirty";
}

}  // namespace pagoda::migration_parts_test
