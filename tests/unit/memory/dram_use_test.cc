// Rows that logic beside the array uses: closed forms of the timing parameters, and no rule broken among other traffic.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/memory/dram_bench_config.h"

namespace pagoda::dram_use_test {

using Kind = DramCommand::Kind;
using test::broken_rules;
using test::DramBench;
using test::quiet;

class DramUse : public testing::TestWithParam<std::string_view> {
 protected:
  DramUse() : bench_(quiet(GetParam())) {}

  DramUsedRow use(const DramAddress& where, Ps arrival, Ps hold, bool write = false) {
    return bench_.dram.use_row(
        {.address = bench_.dram.address_map().encode(where), .arrival = arrival, .hold = hold, .write = write});
  }
  Ps time(const Latency& value) const { return bench_.time(value); }

  DramBench bench_;
  const DramTimings& t_ = bench_.config.timings;
};

TEST_P(DramUse, WaitsForTheSenseAmplifiersAndNothingElse) {
  const Ps hold = bench_.clocks(7);
  const DramUsedRow first = use({.row = 1}, bench_.clocks(1000), hold);
  EXPECT_EQ(first.begin, bench_.clocks(1000) + time(t_.t_rcd));
  EXPECT_EQ(first.done, first.begin + hold);
  EXPECT_EQ(first.outcome, DramOutcome::closed);
  const DramUsedRow again = use({.row = 1, .column = 1}, bench_.clocks(2000), hold);
  EXPECT_EQ(again.begin, bench_.clocks(2000)) << "the row is open";
  EXPECT_EQ(again.outcome, DramOutcome::hit);
  const DramUsedRow other = use({.row = 2}, bench_.clocks(3000), hold);
  EXPECT_EQ(other.begin, bench_.clocks(3000) + time(t_.t_rp) + time(t_.t_rcd));
  EXPECT_EQ(other.outcome, DramOutcome::conflict);
  EXPECT_TRUE(bench_.log.of_kind(Kind::read).empty());
  EXPECT_EQ(bench_.dram.bursts_out(0), 0U) << "no bus of the channel carries anything";
}

// Row after row of one bank: as often as tRAS and tRP allow, or the use if that takes longer.
TEST_P(DramUse, OneBankOpensARowAfterTheOther) {
  for (const Ps hold : {bench_.clocks(1), bench_.clocks(400)}) {
    DramBench bench(bench_.config);
    Ps begin = 0;
    for (std::uint32_t row = 1; row <= 4; ++row) {
      const Addr address = bench.dram.address_map().encode({.row = row});
      const DramUsedRow used = bench.dram.use_row({.address = address, .arrival = bench.clocks(1000), .hold = hold});
      const Ps open = std::max(time(t_.t_ras), time(t_.t_rcd) + hold);
      const Ps cycle = std::max(time(t_.t_rc), open + time(t_.t_rp));
      if (row > 1) {
        EXPECT_EQ(used.begin, begin + cycle);
      }
      EXPECT_EQ(used.bank_time, cycle);
      begin = used.begin;
    }
  }
}

TEST_P(DramUse, BanksWorkAtTheSameTime) {
  const Ps hold = bench_.clocks(200);
  const DramUsedRow first = use({.bank = 0, .row = 1}, bench_.clocks(1000), hold);
  const DramUsedRow second = use({.bank = 1, .row = 1}, bench_.clocks(1000), hold);
  EXPECT_LT(second.begin, first.done);
  EXPECT_EQ(second.begin - first.begin, time(std::max(t_.t_rrd_l, t_.t_rrd_s))) << "only ACT to ACT is in between";
}

TEST_P(DramUse, WhatIsChangedIsWrittenBackBeforeTheRowCloses) {
  const Ps hold = bench_.clocks(100);  // beyond tRAS
  const DramUsedRow changed = use({.row = 1}, bench_.clocks(1000), hold, true);
  const DramUsedRow next = use({.row = 2}, bench_.clocks(1000), hold);
  EXPECT_EQ(next.begin, changed.done + time(t_.t_wr) + time(t_.t_rp) + time(t_.t_rcd));
}

TEST_P(DramUse, AQueuedWriteToTheBurstGoesBefore) {
  const DramAddress where{.row = 1, .column = 3};
  bench_.write(where, bench_.arrival_for(1000));
  EXPECT_TRUE(bench_.log.of_kind(Kind::write).empty()) << "still posted";
  const DramUsedRow used = use(where, bench_.clocks(1010), bench_.clocks(4));
  ASSERT_EQ(bench_.log.of_kind(Kind::write).size(), 1U);
  EXPECT_GE(used.begin, bench_.last(Kind::write) + time(t_.t_cwl) + bench_.burst());
}

TEST_P(DramUse, AReadAfterAUseFindsItsRowOpen) {
  use({.row = 1}, bench_.clocks(1000), bench_.clocks(4));
  EXPECT_EQ(bench_.read({.row = 1}, bench_.arrival_for(2000)).outcome, DramOutcome::hit);
}

TEST_P(DramUse, ATransferTakesTheBusLikeARead) {
  const Addr near = bench_.dram.address_map().encode({.row = 1});
  const Ps first = bench_.dram.transfer(near, bench_.clocks(1000));
  EXPECT_EQ(first, bench_.clocks(1000) + time(t_.t_cl) + bench_.burst() + bench_.config.controller.backend_latency.ps);
  EXPECT_EQ(bench_.dram.transfer(near, bench_.clocks(1000)) - first, std::max(time(t_.t_ccd_l), bench_.burst()));
  EXPECT_EQ(bench_.dram.bursts_out(0), 2U);
}

TEST_P(DramUse, RefreshIsNotDisturbed) {
  DramConfig config = find_dram_preset(GetParam())->config;
  config.organisation.channels = 1;
  config.organisation.ranks = 1;
  DramBench bench(config);
  const Ps refresh = bench.clocks(config.timings.t_refi.at(config.timings.t_ck.ps) / config.timings.t_ck.ps);
  const Addr address = bench.dram.address_map().encode({.row = 1});
  const DramUsedRow used = bench.dram.use_row({.address = address, .arrival = refresh - 1'000, .hold = 2'000});
  EXPECT_EQ(used.begin, refresh + bench.time(config.timings.t_rfc) + bench.time(config.timings.t_rcd));
}

TEST_P(DramUse, NoRuleIsBrokenAmongOtherTraffic) {
  DramConfig config = find_dram_preset(GetParam())->config;
  for (const Ps disorder : {Ps{0}, 500 * kNanosecond}) {
    DramBench bench(config);
    std::mt19937_64 random(disorder + 7);
    Ps latest = disorder;
    for (int i = 0; i < 4000; ++i) {
      latest += random() % 8000;
      const DramAddress where{.channel = static_cast<std::uint32_t>(random() % config.organisation.channels),
                              .rank = static_cast<std::uint32_t>(random() % config.organisation.ranks),
                              .bank_group = static_cast<std::uint32_t>(random() % config.organisation.bank_groups),
                              .bank = static_cast<std::uint32_t>(random() % config.organisation.banks),
                              .row = static_cast<std::uint32_t>(random() % 5),
                              .column = static_cast<std::uint32_t>(random() % 8)};
      const Addr address = bench.dram.address_map().encode(where);
      const Ps arrival = latest - (disorder == 0 ? 0 : random() % disorder);
      const Ps floor = latest - disorder;
      switch (random() % 4) {
        case 0: bench.access(true, where, arrival, floor); break;
        case 1: bench.access(false, where, arrival, floor); break;
        case 2: bench.dram.transfer(address, arrival); break;
        default: {
          const DramUsedRow used = bench.dram.use_row({.address = address,
                                                       .arrival = arrival,
                                                       .floor = floor,
                                                       .hold = random() % 40'000,
                                                       .write = random() % 3 == 0});
          EXPECT_GE(used.begin, arrival);
        }
      }
    }
    bench.dram.finish(latest + kMillisecond);
    EXPECT_THAT(broken_rules(config, bench.log.commands()), testing::IsEmpty());
  }
}

TEST(DramHold, TheLongestFitsBetweenTwoRefreshes) {
  const DramConfig config = find_dram_preset("DDR4-3200")->config;
  DramBench bench(config);
  const Ps hold = bench.dram.longest_hold();
  for (const Ps arrival : {Ps{0}, 1 * kMicrosecond, 7 * kMicrosecond, 9 * kMicrosecond}) {
    const DramUsedRow used = bench.dram.use_row({.address = 0, .arrival = arrival, .hold = hold, .write = true});
    EXPECT_EQ(used.done - used.begin, hold);
  }
  bench.dram.finish(kMillisecond);
  EXPECT_THAT(broken_rules(config, bench.log.commands()), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Presets, DramUse,
                         testing::Values("DDR4-2400", "DDR4-3200", "DDR5-4800", "LPDDR5-6400", "HBM2E"),
                         [](const auto& test) {
                           std::string name(test.param);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace pagoda::dram_use_test
