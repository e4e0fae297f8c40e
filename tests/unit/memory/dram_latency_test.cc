// Latencies and distances of single commands, against closed forms of the timing parameters.
#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/memory/dram_bench_config.h"

namespace pagoda::dram_latency_test {

using Kind = DramCommand::Kind;
using test::DramBench;
using test::quiet;

class DramPresets : public testing::TestWithParam<std::string_view> {
 protected:
  DramPresets() : bench_(quiet(GetParam())) {}

  Ps ends() const { return bench_.config.controller.frontend_latency.ps + bench_.config.controller.backend_latency.ps; }

  DramBench bench_;
};

TEST_P(DramPresets, UnloadedReadLatency) {
  const DramTimings& t = bench_.config.timings;
  const Ps hit = ends() + bench_.time(t.t_cl) + bench_.burst();
  const auto expect = [&](const DramResponse& response, Ps arrival, Ps latency, DramOutcome outcome) {
    EXPECT_EQ(response.complete - arrival, latency);
    EXPECT_EQ(response.service, latency);
    EXPECT_EQ(response.queueing, 0);
    EXPECT_EQ(response.outcome, outcome);
  };
  const Ps first = bench_.arrival_for(1'000);
  expect(bench_.read({.row = 1, .column = 0}, first), first, hit + bench_.time(t.t_rcd), DramOutcome::closed);
  const Ps second = bench_.arrival_for(2'000);
  expect(bench_.read({.row = 1, .column = 1}, second), second, hit, DramOutcome::hit);
  const Ps third = bench_.arrival_for(3'000);
  expect(bench_.read({.row = 2, .column = 1}, third), third, hit + bench_.time(t.t_rp) + bench_.time(t.t_rcd),
         DramOutcome::conflict);
}

TEST_P(DramPresets, ClosedPagePolicyFindsTheBankPrecharged) {
  DramConfig config = bench_.config;
  config.controller.page_policy = DramPagePolicy::closed;
  DramBench bench(config);
  const Ps closed = ends() + bench.time(config.timings.t_rcd) + bench.time(config.timings.t_cl) + bench.burst();
  std::uint64_t clock = 0;
  for (const std::uint32_t row : {1U, 1U, 2U}) {
    const Ps arrival = bench.arrival_for(clock += 1'000);
    const DramResponse response = bench.read({.row = row}, arrival);
    EXPECT_EQ(response.complete - arrival, closed);
    EXPECT_EQ(response.outcome, DramOutcome::closed);
  }
  // An access that is there when the one before goes out still finds the row open.
  const Ps together = bench.arrival_for(10'000);
  bench.read({.row = 3, .column = 0}, together);
  EXPECT_EQ(bench.read({.row = 3, .column = 1}, together).outcome, DramOutcome::hit);
}

TEST_P(DramPresets, CommandsWaitForTheNextClockEdge) {
  const Ps on_edge = bench_.arrival_for(1'000);
  const DramResponse late = bench_.read({.row = 1}, on_edge + 1);
  EXPECT_EQ(bench_.last(Kind::activate), bench_.clocks(1'001));
  EXPECT_EQ(late.queueing, bench_.config.timings.t_ck.ps - 1);
}

TEST_P(DramPresets, RowsOfOneBankAreRowCycleApart) {
  const Ps arrival = bench_.arrival_for(1'000);
  for (std::uint32_t row = 0; row < 5; ++row) bench_.read({.row = row}, arrival);
  const auto activates = bench_.log.of_kind(Kind::activate);
  ASSERT_EQ(activates.size(), 5);
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(activates[i].time - activates[i - 1].time, bench_.time(bench_.config.timings.t_rc));
  }
}

TEST_P(DramPresets, ReadsFollowEachOtherByBankGroup) {
  const DramTimings& t = bench_.config.timings;
  const Ps open = bench_.arrival_for(1'000);
  bench_.read({.bank_group = 0, .row = 1}, open);
  bench_.read({.bank_group = 1, .row = 1}, open);
  const Ps later = bench_.arrival_for(2'000);
  bench_.read({.bank_group = 0, .row = 1, .column = 1}, later);
  bench_.read({.bank_group = 1, .row = 1, .column = 1}, later);
  EXPECT_EQ(bench_.last(Kind::read), bench_.clocks(2'000) + bench_.time(t.t_ccd_s));
  const Ps even_later = bench_.arrival_for(3'000);
  bench_.read({.bank_group = 0, .row = 1, .column = 2}, even_later);
  bench_.read({.bank_group = 0, .row = 1, .column = 3}, even_later);
  EXPECT_EQ(bench_.last(Kind::read), bench_.clocks(3'000) + bench_.time(t.t_ccd_l));
}

TEST_P(DramPresets, TurnaroundBetweenWritesAndReads) {
  DramConfig config = bench_.config;
  config.controller.write_high = 1;  // a write goes out at once
  config.controller.write_low = 0;
  const DramTimings& t = config.timings;
  for (const std::uint32_t other_group : {0U, 1U}) {
    DramBench bench(config);
    bench.read({.bank_group = 0, .row = 1}, bench.arrival_for(1'000));
    bench.read({.bank_group = other_group, .row = 1, .column = 1}, bench.arrival_for(1'000));
    const Ps at = bench.arrival_for(2'000);
    bench.write({.bank_group = 0, .row = 1, .column = 2}, at);
    bench.read({.bank_group = other_group, .row = 1, .column = 3}, at);
    const Ps write = bench.clocks(2'000);
    EXPECT_EQ(bench.last(Kind::write), write);
    const Ps recovery = bench.time(other_group == 0 ? t.t_wtr_l : t.t_wtr_s);
    const Ps read = write + bench.time(t.t_cwl) + bench.burst() + recovery;
    EXPECT_EQ(bench.last(Kind::read), read);
    // Read to write: the data bus is idle for tRTW between the two bursts.
    bench.write({.bank_group = other_group, .row = 1, .column = 4}, at);
    const Ps read_data_end = read + bench.time(t.t_cl) + bench.burst();
    EXPECT_EQ(bench.last(Kind::write) + bench.time(t.t_cwl), read_data_end + bench.time(t.t_rtw));
  }
}

TEST_P(DramPresets, WriteRecoveryDelaysTheNextRow) {
  DramConfig config = bench_.config;
  config.controller.write_high = 1;
  config.controller.write_low = 0;
  DramBench bench(config);
  const DramTimings& t = config.timings;
  const Ps at = bench.arrival_for(1'000);
  bench.write({.row = 1}, at);
  bench.read({.row = 2}, at);
  const Ps write = bench.clocks(1'000) + bench.time(t.t_rcd_wr);
  EXPECT_EQ(bench.last(Kind::write), write);
  const Ps precharge = write + bench.time(t.t_cwl) + bench.burst() + bench.time(t.t_wr);
  EXPECT_EQ(bench.last(Kind::activate),
            std::max(precharge + bench.time(t.t_rp), bench.clocks(1'000) + bench.time(t.t_rc)));
}

TEST_P(DramPresets, WritesAreAcceptedAfterTheFrontendLatency) {
  const Ps arrival = bench_.arrival_for(1'000);
  const DramResponse response = bench_.write({.row = 1}, arrival);
  EXPECT_EQ(response.complete - arrival, bench_.config.controller.frontend_latency.ps);
  EXPECT_EQ(response.outcome, DramOutcome::queued);
  EXPECT_TRUE(bench_.log.of_kind(Kind::write).empty());
  // A read of it is served from the queue, and a second write merges.
  const Ps later = bench_.arrival_for(1'050);
  EXPECT_EQ(bench_.read({.row = 1}, later).complete - later, ends());
  bench_.write({.row = 1}, later);
  const DramCounters counters = bench_.dram.report(0).counters;
  EXPECT_EQ(counters.forwarded_reads, 1);
  EXPECT_EQ(counters.merged_writes, 1);
}

TEST_P(DramPresets, QueuedWritesGoOutWhenTheChannelIsIdle) {
  bench_.write({.row = 1}, bench_.arrival_for(1'000));
  // The next arrival finds it done in the meantime, its data in the row buffer.
  const Ps idle = bench_.config.controller.write_idle.ps;
  const Ps next = bench_.clocks(1'000) + idle + kMicrosecond;
  EXPECT_EQ(bench_.read({.row = 1}, next).outcome, DramOutcome::hit);
  const Ps row_open = bench_.last(Kind::activate);
  EXPECT_GE(row_open, bench_.clocks(1'000) + idle);
  EXPECT_LE(row_open, bench_.clocks(1'000) + idle + bench_.clocks(1));
}

std::vector<std::string_view> preset_names() {
  std::vector<std::string_view> names;
  for (const DramPreset& preset : dram_presets()) names.push_back(preset.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, DramPresets, testing::ValuesIn(preset_names()), [](const auto& preset) {
  std::string name(preset.param);
  std::erase(name, '-');
  return name;
});

// --- The numbers themselves, for one preset, in nanoseconds worked out by hand ---------------------------------------

TEST(DramLatency, Ddr4_3200InNanoseconds) {
  DramBench bench(quiet("DDR4-3200"));
  const Ps arrival = bench.arrival_for(1'000);
  // 10 + 13.75 (tRCD) + 13.75 (tCL) + 2.5 (burst) + 10.
  EXPECT_EQ(bench.read({.row = 1}, arrival).complete - arrival, 50'000);
  const Ps later = bench.arrival_for(2'000);
  EXPECT_EQ(bench.read({.row = 1, .column = 5}, later).complete - later, 36'250);
  const Ps last = bench.arrival_for(3'000);
  EXPECT_EQ(bench.read({.row = 9}, last).complete - last, 63'750);
}

TEST(DramLatency, RankSwitchLeavesTheBusIdle) {
  DramBench bench(quiet("DDR4-3200"));
  bench.read({.rank = 0, .row = 1}, bench.arrival_for(1'000));
  bench.read({.rank = 1, .row = 1}, bench.arrival_for(1'000));
  const Ps at = bench.arrival_for(2'000);
  bench.read({.rank = 0, .row = 1, .column = 1}, at);
  bench.read({.rank = 1, .row = 1, .column = 1}, at);
  EXPECT_EQ(bench.last(Kind::read), bench.clocks(2'000 + 4 + 2));  // burst and tRTRS
}

TEST(DramLatency, ActivatesOfManyBanksFollowRrdAndFaw) {
  DramBench bench(quiet("DDR4-3200"));
  for (std::uint32_t i = 0; i < 12; ++i) {
    bench.read({.bank_group = i % 4, .bank = i / 4, .row = 1}, bench.arrival_for(1'000));
  }
  // tRRD_S 4 clocks within a group of four, the fifth tFAW 34 clocks after the first.
  const std::vector<std::uint64_t> expected{0, 4, 8, 12, 34, 38, 42, 46, 68, 72, 76, 80};
  const auto activates = bench.log.of_kind(Kind::activate);
  ASSERT_EQ(activates.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(activates[i].time, bench.clocks(1'000 + expected[i]));
  }
}

TEST(DramLatency, ActivatesOfOneBankGroupFollowRrdLong) {
  DramBench bench(quiet("DDR4-3200"));
  for (std::uint32_t i = 0; i < 4; ++i) bench.read({.bank_group = 2, .bank = i, .row = 1}, bench.arrival_for(1'000));
  const auto activates = bench.log.of_kind(Kind::activate);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(activates[i].time, bench.clocks(1'000 + 8 * i));
}

TEST(DramLatency, PageTimeoutClosesAnUnusedRow) {
  DramConfig config = quiet("DDR4-3200");
  config.controller.page_timeout = {100'000};  // 160 clocks
  DramBench bench(config);
  bench.read({.row = 1}, bench.arrival_for(1'000));
  // ACT 1000, RD 1022; tRAS allows the PRE at 1052, the time-out comes 160 clocks later.
  EXPECT_EQ(bench.read({.row = 1, .column = 1}, bench.arrival_for(1'212)).outcome, DramOutcome::hit);
  // That RD allows the PRE at 1224, so the row is closed from 1384 on.
  EXPECT_EQ(bench.read({.row = 1, .column = 2}, bench.arrival_for(1'385)).outcome, DramOutcome::closed);
  EXPECT_EQ(bench.last(Kind::activate), bench.clocks(1'384 + 22));
}

}  // namespace pagoda::dram_latency_test
