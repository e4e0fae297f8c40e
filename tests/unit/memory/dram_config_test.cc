// Validation, presets, address mapping, rounding to clocks, and energy against hand computation.
#include <functional>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "pagoda/memory/dram_timing.h"
#include "unit/memory/dram_bench_config.h"

namespace pagoda::dram_config_test {

using test::DramBench;
using test::quiet;

TEST(DramPreset, AreAllValidAndFoundByName) {
  EXPECT_EQ(dram_presets().size(), 5);
  for (const DramPreset& preset : dram_presets()) {
    EXPECT_THAT(find_problems(preset.config), testing::IsEmpty()) << preset.name;
    EXPECT_EQ(find_dram_preset(preset.name), &preset);
    EXPECT_EQ(capacity_bytes(preset.config.organisation), std::uint64_t{16} << 30) << preset.name;
  }
  EXPECT_EQ(find_dram_preset("DDR4"), nullptr);
  EXPECT_THAT(find_problems(DramConfig{}), testing::IsEmpty());
}

TEST(DramPreset, HaveTheDataRateOfTheirName) {
  const auto rate = [](std::string_view name) {
    const DramTimings& t = find_dram_preset(name)->config.timings;
    return 1e6 * t.beats_per_clock / static_cast<double>(t.t_ck.ps);
  };
  EXPECT_NEAR(rate("DDR4-2400"), 2400, 2);
  EXPECT_NEAR(rate("DDR4-3200"), 3200, 1);
  EXPECT_NEAR(rate("DDR5-4800"), 4800, 8);
  EXPECT_NEAR(rate("LPDDR5-6400"), 6400, 1);
  EXPECT_NEAR(rate("HBM2E"), 3200, 1);
}

TEST(DramClocks, DurationsAreRoundedAsJedecDoes) {
  // JEDEC 21-C 4.1.2.L: up to a whole clock, but 2.6 % of a clock are forgiven.
  EXPECT_EQ(round_up_to_clocks(Latency::time(15'000), 833), 18);  // 18.007
  EXPECT_EQ(round_up_to_clocks(Latency::time(13'750), 625), 22);
  EXPECT_EQ(round_up_to_clocks(Latency::time(21'000), 625), 34);    // 33.6
  EXPECT_EQ(round_up_to_clocks(Latency::time(350'000), 833), 421);  // 420.17
  EXPECT_EQ(round_up_to_clocks(Latency::time(10'000), 416), 25);    // 24.04
  EXPECT_EQ(round_up_to_clocks(Latency::time(0), 416), 0);
  EXPECT_EQ(round_up_to_clocks(Latency::cycles(7), 416), 7);
}

TEST(DramClocks, EdgesAreExactWithoutADivision) {
  std::mt19937_64 random(1);
  for (const Ps period : {1, 2, 3, 416, 555, 625, 833, 1250, 999'999}) {
    DramTimings timings;
    timings.t_ck = {period};
    const DramClocks clocks(timings, 8);
    for (int i = 0; i < 2'000; ++i) {
      const Ps time = random() >> (1 + i % 60);
      EXPECT_EQ(clocks.edge_before(time), static_cast<Clock>(time / period));
    }
    for (const Ps edge : {Ps{0}, period, 1'000'000 * period}) {
      EXPECT_EQ(clocks.time_of(clocks.edge_before(edge)), edge);
      EXPECT_EQ(clocks.time_of(clocks.edge_after(edge)), edge);
      EXPECT_EQ(clocks.time_of(clocks.edge_after(edge + 1)), edge + period);
    }
  }
}

// --- Validation -----------------------------------------------------------------------------------------------------

struct Mistake {
  std::string path;
  std::function<void(DramConfig&)> make;
};

TEST(DramProblems, NameTheFieldAndWhatIsAllowed) {
  const std::vector<Mistake> mistakes{
      {"organisation.channels", [](DramConfig& c) { c.organisation.channels = 3; }},
      {"organisation.ranks", [](DramConfig& c) { c.organisation.ranks = 0; }},
      {"organisation.rows", [](DramConfig& c) { c.organisation.rows = 60'000; }},
      {"organisation.burst_length", [](DramConfig& c) { c.organisation.burst_length = 12; }},
      {"organisation.burst_length", [](DramConfig& c) { c.organisation.columns = 4; }},
      {"organisation.device_width", [](DramConfig& c) { c.organisation.device_width = 128; }},
      {"organisation.capacity", [](DramConfig& c) { c.organisation.capacity = {1 << 30}; }},
      {"organisation.mapping", [](DramConfig& c) { c.organisation.mapping = "row:rank:bank:column:channel"; }},
      {"organisation.mapping", [](DramConfig& c) { c.organisation.mapping = "row:rank:bnk:column:bankgroup:channel"; }},
      {"organisation.mapping", [](DramConfig& c) { c.organisation.mapping += ":column*9"; }},
      {"organisation.mapping", [](DramConfig& c) { c.organisation.mapping += ":column"; }},
      {"organisation.mapping", [](DramConfig& c) { c.organisation.mapping += ":column*x"; }},
      {"organisation.mapping", [](DramConfig& c) { c.organisation.mapping.clear(); }},
      {"timings.t_ck", [](DramConfig& c) { c.timings.t_ck = {0}; }},
      {"timings.beats_per_clock", [](DramConfig& c) { c.timings.beats_per_clock = 16; }},
      {"timings.t_rcd", [](DramConfig& c) { c.timings.t_rcd = Latency::cycles(0); }},
      {"timings.t_faw", [](DramConfig& c) { c.timings.t_faw = Latency::cycles(65); }},
      {"timings.t_wr", [](DramConfig& c) { c.timings.t_wr = Latency::cycles(~std::uint64_t{0}); }},
      {"timings.t_refi", [](DramConfig& c) { c.timings.t_refi = Latency::time(400'000); }},
      {"controller.read_queue", [](DramConfig& c) { c.controller.read_queue = 0; }},
      {"controller.write_queue", [](DramConfig& c) { c.controller.write_queue = 121; }},
      {"controller.write_high", [](DramConfig& c) { c.controller.write_high = 65; }},
      {"controller.write_low", [](DramConfig& c) { c.controller.write_low = 48; }},
  };
  for (const Mistake& mistake : mistakes) {
    DramConfig config;
    mistake.make(config);
    const std::vector<DramProblem> problems = find_problems(config);
    ASSERT_EQ(problems.size(), 1) << mistake.path;
    EXPECT_EQ(problems[0].path, mistake.path);
    EXPECT_FALSE(problems[0].problem.empty());
    EXPECT_FALSE(problems[0].allowed.empty());
    EXPECT_THROW(DramTiming{config}, UserError);
  }
}

TEST(DramProblems, AreAllReported) {
  DramConfig config;
  config.organisation.rows = 5;
  config.timings.t_rp = Latency::cycles(0);
  config.controller.read_queue = 1'000;
  EXPECT_EQ(find_problems(config).size(), 3);
}

// --- Address mapping ------------------------------------------------------------------------------------------------

TEST(DramAddressMap, FieldsLieWhereTheTextSaysSo) {
  DramOrganisation organisation;  // 2 ranks, 4 groups, 4 banks, 64 Ki rows, 128 bursts of 64 bytes in a row
  organisation.channels = 2;
  organisation.mapping = "row:rank:bank:column:bankgroup:column*1:channel";
  const DramAddressMap map(organisation);
  EXPECT_EQ(map.decode(64).channel, 1);
  EXPECT_EQ(map.decode(128).column, 1);
  EXPECT_EQ(map.decode(256).bank_group, 1);
  EXPECT_EQ(map.decode(1024).column, 2);
  EXPECT_EQ(map.decode(1024 << 6).bank, 1);
  EXPECT_EQ(map.decode(1024 << 8).rank, 1);
  EXPECT_EQ(map.decode(1024 << 9).row, 1);
  EXPECT_EQ(map.decode(capacity_bytes(organisation)), DramAddress{});  // wraps
}

TEST(DramAddressMap, IsOneToOne) {
  for (const DramPreset& preset : dram_presets()) {
    for (const bool hash : {false, true}) {
      DramOrganisation organisation = preset.config.organisation;
      organisation.rows = 64;
      organisation.bank_hash = hash;
      const DramAddressMap map(organisation);
      std::set<Addr> seen;
      for (Addr address = 0; address < capacity_bytes(organisation); address += burst_bytes(organisation)) {
        const DramAddress where = map.decode(address + 5);
        ASSERT_EQ(map.encode(where), address);
        ASSERT_LT(where.channel, organisation.channels);
        ASSERT_LT(where.rank, organisation.ranks);
        ASSERT_LT(where.bank_group, organisation.bank_groups);
        ASSERT_LT(where.bank, organisation.banks);
        ASSERT_LT(where.row, organisation.rows);
        ASSERT_LT(where.column, organisation.columns / organisation.burst_length);
        if (address > (1 << 20)) break;
      }
    }
  }
}

TEST(DramAddressMap, SmallMapsHitEveryPlaceOnce) {
  DramOrganisation organisation{.channels = 2, .ranks = 2, .bank_groups = 2, .banks = 4, .rows = 8, .columns = 32};
  for (const char* mapping : {"row:rank:bank:column:bankgroup:channel", "channel:bank:bankgroup:rank:column:row",
                              "column*1:row*2:bank*1:channel:row:rank:bank:column:bankgroup"}) {
    organisation.mapping = mapping;
    for (const bool hash : {false, true}) {
      organisation.bank_hash = hash;
      const DramAddressMap map(organisation);
      std::set<std::uint64_t> places;
      for (Addr address = 0; address < capacity_bytes(organisation); address += 64) {
        const DramAddress w = map.decode(address);
        places.insert(((((w.channel * 2ULL + w.rank) * 2 + w.bank_group) * 4 + w.bank) * 8 + w.row) * 4 + w.column);
      }
      EXPECT_EQ(places.size(), capacity_bytes(organisation) / 64) << mapping;
      EXPECT_EQ(*places.rbegin(), places.size() - 1);
    }
  }
}

TEST(DramAddressMap, TheHashSpreadsAStrideOfOneRow) {
  DramOrganisation organisation;
  organisation.bank_hash = true;
  const DramAddressMap map(organisation);
  std::set<std::pair<std::uint32_t, std::uint32_t>> banks;
  for (std::uint32_t row = 0; row < 16; ++row) {
    const DramAddress where = map.decode(Addr{row} << 18);  // the lowest row bit of the default mapping
    EXPECT_EQ(where.row, row);
    banks.emplace(where.bank_group, where.bank);
  }
  EXPECT_EQ(banks.size(), 16);
}

// --- Energy ---------------------------------------------------------------------------------------------------------

TEST(DramEnergy, Ddr4_2400ByHand) {
  // Eight x8 devices of 1.2 V: IDD0 48, IDD2N 34, IDD3N 43, IDD4R 135, IDD4W 123 mA, IDD5R 53 mA; 16 banks; clock
  // 0.833 ns. VPP draws its 3 mA at 2.5 V all the time.
  const DramConfig config = find_dram_preset("DDR4-2400")->config;
  const DramOperationEnergy energy(config, DramClocks(config.timings, 8));
  const double ns = 1e-9;
  const double ma = 1e-3;
  const double one_bank = 34 + 9.0 / 16;
  const double activate = 8 * 1.2 * ma * ns * 0.833 * (48 * 56 - one_bank * 39 - 34 * 17);
  EXPECT_NEAR(energy.activate.joules, activate, 1e-15);
  EXPECT_NEAR(activate, 6.09e-9, 0.01e-9);
  EXPECT_NEAR(energy.read_burst.joules, 8 * 1.2 * ma * ns * (135 - 43) * 4 * 0.833, 1e-15);   // 2.94 nJ
  EXPECT_NEAR(energy.write_burst.joules, 8 * 1.2 * ma * ns * (123 - 43) * 4 * 0.833, 1e-15);  // 2.56 nJ
  // A refresh draws what lifts the average from IDD2N to IDD5R, every 7.8 us.
  EXPECT_NEAR(energy.refresh.joules, 8 * 1.2 * ma * (53 - 34) * 7800 * ns, 0.01e-6);  // 1.42 uJ
  EXPECT_NEAR(energy.standby_watts, 8 * ma * (1.2 * 34 + 2.5 * 3), 1e-12);
  EXPECT_NEAR(energy.open_bank_watts, 8 * ma * 1.2 * 9 / 16, 1e-12);
}

TEST(DramEnergy, GivenEnergiesReplaceComputedOnes) {
  const DramConfig config = find_dram_preset("HBM2E")->config;
  const DramOperationEnergy energy(config, DramClocks(config.timings, 4));
  EXPECT_DOUBLE_EQ(energy.activate.joules, 909e-12);
  EXPECT_DOUBLE_EQ(energy.read_burst.joules, 3.48e-12 * 256);
}

TEST(DramEnergy, IsPositiveForEveryPreset) {
  for (const DramPreset& preset : dram_presets()) {
    const DramOperationEnergy energy(preset.config,
                                     DramClocks(preset.config.timings, preset.config.organisation.burst_length));
    for (const double each : {energy.activate.joules, energy.read_burst.joules, energy.write_burst.joules,
                              energy.refresh.joules, energy.standby_watts, energy.open_bank_watts}) {
      EXPECT_GT(each, 0) << preset.name;
    }
  }
}

TEST(DramReport, AddsUpWhatHappened) {
  DramConfig config = quiet("DDR4-3200");
  config.organisation.ranks = 1;
  config.timings.t_refi = Latency::time(7'800'000);
  DramBench bench(config);
  bench.read({.row = 1}, bench.arrival_for(1'000));               // ACT 1000, RD 1022
  bench.read({.row = 1, .column = 1}, bench.arrival_for(1'100));  // RD 1100
  bench.read({.row = 2}, bench.arrival_for(2'000));               // PRE 2000, ACT 2022, RD 2044
  bench.write({.row = 2, .column = 3}, bench.arrival_for(2'100));
  const Ps end = bench.clocks(12'480 + 560);
  bench.dram.finish(end);
  const DramReport report = bench.dram.report(end);
  EXPECT_EQ(report.reads, 3);
  EXPECT_EQ(report.writes, 1);
  EXPECT_EQ(report.bytes_read, 3 * 64);
  EXPECT_EQ(report.bytes_written, 64);
  EXPECT_EQ(report.counters.row_hits, 2);
  EXPECT_EQ(report.counters.row_closed, 1);
  EXPECT_EQ(report.counters.row_conflicts, 1);
  EXPECT_EQ(report.refreshes, 1);
  EXPECT_EQ(report.bus_busy, bench.clocks(4 * 4));
  // Row 1 from 1000 to 2000, row 2 from 2022 until tRP before the refresh.
  const Ps open = bench.clocks(1'000 + (12'480 - 22 - 2'022));
  const std::vector<DramBankReport> banks = bench.dram.report_banks();
  EXPECT_EQ(banks.size(), 16);
  EXPECT_EQ(banks[0].activates, 2);
  EXPECT_EQ(banks[0].row_open, open);
  const DramOperationEnergy each(config, DramClocks(config.timings, 8));
  EXPECT_DOUBLE_EQ(report.energy.activate.joules, 2 * each.activate.joules);
  EXPECT_DOUBLE_EQ(report.energy.read.joules, 3 * each.read_burst.joules);
  EXPECT_DOUBLE_EQ(report.energy.write.joules, each.write_burst.joules);
  EXPECT_DOUBLE_EQ(report.energy.refresh.joules, each.refresh.joules);
  EXPECT_NEAR(report.energy.background.joules,
              each.standby_watts * to_seconds(end) + each.open_bank_watts * to_seconds(open), 1e-15);
}

}  // namespace pagoda::dram_config_test
