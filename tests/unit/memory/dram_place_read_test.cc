// The short way of a read through the schedule places what the long way places: one schedule takes the one, another the
// other, and both are asked for the same reads.
#include "pagoda/memory/dram_place_read.h"

#include <random>

#include <gtest/gtest.h>

#include "pagoda/memory/dram_config.h"

namespace pagoda::dram_place_read_test {

struct PlaceRead : ::testing::TestWithParam<const char*> {};

TEST_P(PlaceRead, AgreesWithTheSearch) {
  for (const DramPagePolicy policy : {DramPagePolicy::open, DramPagePolicy::closed}) {
    for (const Clock disorder : {0, 100, 2000}) {
      DramConfig config = find_dram_preset(GetParam())->config;
      config.controller.page_policy = policy;
      const DramClocks clocks(config.timings, config.organisation.burst_length);
      const DramAddressMap map(config.organisation);
      DramScheduler direct(config, clocks, map, 0);
      DramScheduler searching(config, clocks, map, 0);
      std::mt19937_64 random(3);
      Clock now = disorder;
      for (int i = 0; i < 20'000; ++i) {
        now += static_cast<Clock>(random() % 20);
        const Clock from = now - static_cast<Clock>(random() % static_cast<std::uint64_t>(disorder + 1));
        const DramBurst burst{.number = static_cast<Addr>(i),
                              .bank = static_cast<std::uint32_t>(random() % direct.bank_count()),
                              .row = static_cast<std::uint32_t>(random() % 3)};
        const DramScheduler::Placed placed = direct.place_read(burst, std::max(from, direct.begin()));
        const DramScheduler::Search search = searching.search(burst, DramAccess::read);
        const DramScheduler::Placement found = searching.find(search, std::max(from, searching.begin()));
        searching.commit(search, burst, found);
        ASSERT_EQ(placed.column, found.column) << "read " << i;
        ASSERT_EQ(placed.outcome, found.outcome) << "read " << i;
      }
      EXPECT_EQ(direct.rows().hits, searching.rows().hits);
      EXPECT_EQ(direct.rows().closed, searching.rows().closed);
      EXPECT_EQ(direct.rows().conflicts, searching.rows().conflicts);
      EXPECT_EQ(direct.row_open(now), searching.row_open(now));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Presets, PlaceRead,
                         ::testing::Values("DDR4-2400", "DDR4-3200", "DDR5-4800", "LPDDR5-6400", "HBM2E"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace pagoda::dram_place_read_test
