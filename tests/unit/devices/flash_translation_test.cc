// The translation layer of flash: what lies where, and which blocks are used next.
#include "pagoda/devices/flash_translation.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace pagoda::flash_translation_test {

constexpr FlashGeometry kSmall{.dies = 2, .blocks = 6, .pages = 4, .units = 2};

// Fills the next page of a die with these logical units.
std::uint64_t write(FlashTranslation& flash, std::uint32_t die, std::initializer_list<std::uint64_t> units) {
  const auto page = flash.open_page(die, FlashStream::host);
  EXPECT_TRUE(page);
  std::uint64_t physical = *page;
  for (const std::uint64_t unit : units) flash.place(unit, physical++);
  return *page;
}

TEST(FlashTranslation, AUnitIsWhereItWasWrittenLast) {
  FlashTranslation flash(kSmall, 32, 0);
  EXPECT_FALSE(flash.find(5));
  const auto first = write(flash, 1, {5, 6});
  EXPECT_EQ(flash.find(5), first);
  EXPECT_EQ(flash.find(6), first + 1);
  const auto second = write(flash, 0, {5});
  EXPECT_EQ(flash.find(5), second);
  EXPECT_FALSE(flash.owner(first)) << "out of date";
  EXPECT_EQ(flash.owner(first + 1), 6u);
  flash.discard(6);
  EXPECT_FALSE(flash.find(6));
  EXPECT_EQ(flash.valid_units(), 1u);
}

TEST(FlashTranslation, PagesOfABlockAreWrittenInOrderAndStreamsHaveBlocksOfTheirOwn) {
  FlashTranslation flash(kSmall, 32, 0);
  const auto host = flash.open_page(0, FlashStream::host);
  const auto collection = flash.open_page(0, FlashStream::collection);
  EXPECT_EQ(flash.open_page(0, FlashStream::host), *host + kSmall.units);
  EXPECT_EQ(flash.open_page(0, FlashStream::collection), *collection + kSmall.units);
  EXPECT_NE(*host / kSmall.units_per_block(), *collection / kSmall.units_per_block());
}

TEST(FlashTranslation, TheHostLeavesTheLastFreeBlock) {
  FlashTranslation flash(kSmall, 96, 0);
  for (std::uint32_t page = 0; page < 5 * kSmall.pages; ++page) ASSERT_TRUE(flash.open_page(0, FlashStream::host));
  EXPECT_EQ(flash.free_blocks(0), 1u);
  EXPECT_FALSE(flash.open_page(0, FlashStream::host));
  EXPECT_TRUE(flash.open_page(0, FlashStream::collection));
  EXPECT_TRUE(flash.open_page(1, FlashStream::host)) << "another die";
}

TEST(FlashTranslation, TheVictimIsTheFullBlockWithTheFewestValidUnits) {
  FlashTranslation flash(kSmall, 96, 0);
  std::uint64_t unit = 0;
  for (int block = 0; block < 3; ++block) {
    for (std::uint32_t page = 0; page < kSmall.pages; ++page, unit += 2) write(flash, 0, {unit, unit + 1});
  }
  EXPECT_FALSE(flash.take_victim(0)) << "nothing is gained anywhere";
  flash.discard(8);  // of the second block
  EXPECT_FALSE(flash.take_victim(0)) << "less than a page is gained";
  for (const std::uint64_t gone : {9, 10, 16, 17}) flash.discard(gone);
  EXPECT_EQ(flash.take_victim(0), 1u);
  EXPECT_EQ(flash.take_victim(0), 2u) << "one that is taken is not found again";
  EXPECT_FALSE(flash.take_victim(0));
  flash.put_back(1);
  EXPECT_EQ(flash.take_victim(0), 1u);
}

TEST(FlashTranslation, TheLeastWornFreeBlockIsOpenedNext) {
  FlashTranslation flash(kSmall, 96, 0);
  std::map<std::uint64_t, int> opened;
  for (int round = 0; round < 60; ++round) {
    for (std::uint32_t page = 0; page < kSmall.pages; ++page) {
      const auto unit = flash.open_page(0, FlashStream::host);
      ASSERT_TRUE(unit);
      if (page == 0) ++opened[*unit / kSmall.units_per_block()];
    }
    const auto victim = flash.take_victim(0);
    ASSERT_TRUE(victim);
    flash.erase(*victim);
  }
  ASSERT_EQ(opened.size(), kSmall.blocks);
  for (const auto& [block, times] : opened) EXPECT_EQ(times, 10) << block;
  EXPECT_LE(flash.most_erasures(), 11u);
}

TEST(FlashTranslation, ABlockThatIsWornOutIsNotUsedAgain) {
  FlashTranslation flash(kSmall, 96, 2);
  std::set<std::uint64_t> after;
  int rounds = 0;
  for (bool room = true; room; ++rounds) {
    for (std::uint32_t page = 0; page < kSmall.pages && room; ++page) {
      room = flash.open_page(0, FlashStream::host).has_value();
    }
    const auto victim = flash.take_victim(0);
    if (victim) flash.erase(*victim);
    ASSERT_LT(rounds, 100);
  }
  EXPECT_GE(flash.worn_out(), kSmall.blocks - 2);
  EXPECT_EQ(flash.most_erasures(), 2u);
}

// Random writes, discards and collecting against a map that the test keeps.
class FlashTranslationOracle : public ::testing::TestWithParam<unsigned> {};

TEST_P(FlashTranslationOracle, TablesAgree) {
  std::mt19937 engine(GetParam());
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  const FlashGeometry geometry{.dies = 1 + random() % 3, .blocks = 6, .pages = 4, .units = 1u << random() % 3};
  const std::uint64_t logical = geometry.physical_units() / 2;
  FlashTranslation flash(geometry, logical, 0);
  std::map<std::uint64_t, std::uint64_t> where;
  for (int step = 0; step < 3000; ++step) {
    const std::uint32_t die = random() % geometry.dies;
    if (random() % 8 == 0) {
      const std::uint64_t unit = random() % logical;
      flash.discard(unit);
      where.erase(unit);
    } else if (const auto page = flash.open_page(die, FlashStream::host)) {
      for (std::uint32_t i = 0; i < geometry.units; ++i) {
        const std::uint64_t unit = random() % logical;
        flash.place(unit, *page + i);
        where[unit] = *page + i;
      }
    }
    if (flash.free_blocks(die) > 1) continue;
    const auto victim = flash.take_victim(die);
    if (!victim) continue;
    std::vector<std::uint64_t> valid;
    for (std::uint64_t i = 0; i < geometry.units_per_block(); ++i) {
      if (const auto owner = flash.owner(flash.first_unit(*victim) + i)) valid.push_back(*owner);
    }
    ASSERT_EQ(valid.size(), flash.valid_units(*victim));
    for (std::size_t i = 0; i < valid.size(); i += geometry.units) {
      const auto page = flash.open_page(die, FlashStream::collection);
      ASSERT_TRUE(page);
      for (std::size_t unit = i; unit < std::min(i + geometry.units, valid.size()); ++unit) {
        flash.place(valid[unit], *page + (unit - i));
        where[valid[unit]] = *page + (unit - i);
      }
    }
    ASSERT_EQ(flash.valid_units(*victim), 0u);
    flash.erase(*victim);
  }
  EXPECT_EQ(flash.valid_units(), where.size());
  for (std::uint64_t unit = 0; unit < logical; ++unit) {
    const auto known = where.find(unit);
    const auto found = flash.find(unit);
    ASSERT_EQ(found.has_value(), known != where.end()) << unit;
    if (!found) continue;
    EXPECT_EQ(*found, known->second);
    EXPECT_EQ(flash.owner(*found), unit);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FlashTranslationOracle, ::testing::Range(0u, 20u));

}  // namespace pagoda::flash_translation_test
