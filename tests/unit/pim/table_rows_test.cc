// Where page tables lie: rows, banks and channels of their frames, and what cannot be.
#include "pagoda/pim/table_rows.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/paging/page_format.h"

namespace pagoda::table_rows_test {

using testing::HasSubstr;

constexpr Addr kBase = Addr{1} << 36;

struct TableRowsTest : testing::Test {
  TableRowsTest() {
    dram.organisation.channels = 2;
    dram.organisation.mapping = "row:channel:rank:bank:bankgroup:column";
    config.tables = {.rows = 4};
  }
  void build() {
    ASSERT_EQ(TableRows::problem(config, dram), std::nullopt);
    map.emplace(dram.organisation);
    rows.emplace(config, dram, *map, kBase);
  }
  DramAddressMap::Place place(Addr address) const { return map->place(address - kBase); }
  std::vector<Addr> allocate_all(std::uint32_t channel) {
    std::vector<Addr> frames;
    while (const auto frame = rows->frames(channel).allocate(kPageBytes)) frames.push_back(*frame);
    return frames;
  }
  std::string problem() {
    const auto found = TableRows::problem(config, dram);
    return found ? found->field + ": " + found->problem + "; " + found->allowed : "";
  }

  DramConfig dram;
  MemoryWalkerConfig config;
  std::optional<DramAddressMap> map;
  std::optional<TableRows> rows;
};

TEST_F(TableRowsTest, FramesLieInTheLastRowsOfTheChosenBanksOfOneChannelOnceEach) {
  config.tables.banks = 3;
  build();
  for (std::uint32_t channel = 0; channel < 2; ++channel) {
    const std::vector<Addr> frames = allocate_all(channel);
    EXPECT_EQ(frames.size(), 4U * 3U * 2U) << "rows, banks, tables of 4 KiB in 8 KiB";
    EXPECT_EQ(std::set<Addr>(frames.begin(), frames.end()).size(), frames.size());
    for (const Addr frame : frames) {
      for (const Addr address : {frame, frame + kPageBytes - 8}) {
        EXPECT_EQ(place(address).channel, channel);
        EXPECT_LT(place(address).bank, 3U);
        EXPECT_GE(place(address).row, 65536U - 4U);
        EXPECT_TRUE(rows->reaches(address));
        EXPECT_GE(address, rows->begin());
        EXPECT_LT(address, rows->end());
      }
    }
  }
}

TEST_F(TableRowsTest, OrderSaysWhetherBanksTakeTurns) {
  build();
  std::set<std::uint32_t> banks;
  for (int i = 0; i < 32; ++i) banks.insert(place(*rows->frames(0).allocate(kPageBytes)).bank);
  EXPECT_EQ(banks.size(), 32U);
  config.tables.order = TableOrder::rows;
  build();
  const Addr first = *rows->frames(0).allocate(kPageBytes);
  const Addr second = *rows->frames(0).allocate(kPageBytes);
  EXPECT_EQ(place(first).bank, place(second).bank);
  EXPECT_EQ(place(first).row, place(second).row);
}

TEST_F(TableRowsTest, WideRootsAreAlignedAndNothingIsHandedOutTwice) {
  build();
  const Addr root = *rows->frames(0).allocate(4 * kPageBytes);
  EXPECT_EQ(root % (4 * kPageBytes), 0U);
  const std::vector<Addr> frames = allocate_all(0);
  EXPECT_EQ(frames.size(), 4U * 32U * 2U - 4U);
  for (const Addr frame : frames) EXPECT_TRUE(frame < root || frame >= root + 4 * kPageBytes);
  EXPECT_EQ(rows->frames(0).allocate(4 * kPageBytes), std::nullopt);
  rows->frames(0).release(root, 4 * kPageBytes);
  EXPECT_EQ(allocate_all(0).size(), 4U);
}

TEST_F(TableRowsTest, ReachIsThoseRowsOrAll) {
  build();
  EXPECT_FALSE(rows->reaches(kBase));
  EXPECT_FALSE(rows->reaches(rows->begin() - 8));
  EXPECT_FALSE(rows->reaches(rows->end()));
  config.tables.everywhere = true;
  build();
  EXPECT_TRUE(rows->reaches(kBase));
  EXPECT_FALSE(rows->reaches(kBase - 8));
  EXPECT_FALSE(rows->reaches(rows->end()));
}

TEST_F(TableRowsTest, AssociativeRowsAreNotForTables) {
  config.associative = AssociativeRowsConfig{.rows = 40};
  build();
  std::set<Addr> entries;
  for (std::uint32_t row = 0; row < 40; ++row) {
    std::set<std::pair<std::uint32_t, std::uint32_t>> places;
    for (std::uint32_t i = 0; i < rows->entries_per_row(); ++i) {
      const Addr entry = rows->associative_entry(0, row, i);
      entries.insert(entry);
      places.insert({place(entry).bank, place(entry).row});
    }
    EXPECT_EQ(places.size(), 1U) << "all of a row in one row";
  }
  EXPECT_EQ(entries.size(), 40U * 256U);
  for (const Addr frame : allocate_all(0)) {
    EXPECT_EQ(entries.lower_bound(frame), entries.lower_bound(frame + kPageBytes)) << "overlap";
  }
}

TEST_F(TableRowsTest, SaysWhatCannotBe) {
  config.tables.banks = 65;
  EXPECT_THAT(problem(), HasSubstr("tables.banks: there are not so many banks in a channel; allowed: at most 32"));
  config.tables = {.rows = 65536};
  EXPECT_THAT(problem(), HasSubstr("tables.rows: leaves no row"));
  config.tables = {.rows = 0};
  EXPECT_THAT(problem(), HasSubstr("nothing that it reaches"));
  config.tables.everywhere = true;
  EXPECT_EQ(problem(), "");
  config.tables = {.rows = 4};
  config.associative = AssociativeRowsConfig{.rows = 128};
  EXPECT_THAT(problem(), HasSubstr("associative.rows: leaves no row for tables"));
  config.associative.reset();
  dram.organisation.mapping = "channel:row:rank:bank:bankgroup:column";
  EXPECT_THAT(problem(), HasSubstr("begins with `row:`"));
  dram.organisation.mapping = "row:rank:bank:column:bankgroup:channel";
  EXPECT_THAT(problem(), HasSubstr("no frame of 4 KiB lies in these banks of one channel alone"));
}

}  // namespace pagoda::table_rows_test
