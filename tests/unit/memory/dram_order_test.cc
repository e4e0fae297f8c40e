// Requests that come late in call order, and refresh: where the gaps are, to the clock.
#include <algorithm>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/memory/dram_bench_config.h"

namespace pagoda::dram_order_test {

using Kind = DramCommand::Kind;
using test::DramBench;
using test::quiet;

TEST(DramOrder, AnEarlierRequestThatComesLaterIsServedAsIfAlone) {
  DramBench bench(quiet("DDR4-3200"));
  bench.read({.bank = 1, .row = 7}, bench.arrival_for(10'000));
  const Ps earlier = bench.arrival_for(5'000);
  const DramResponse response = bench.read({.bank = 1, .row = 3}, earlier);
  EXPECT_EQ(response.complete - earlier, 50'000);
  EXPECT_EQ(response.outcome, DramOutcome::closed);
  EXPECT_EQ(response.queueing, 0);
}

TEST(DramOrder, ABurstFitsAGapOfExactlyItsSize) {
  DramBench bench(quiet("DDR4-3200"));
  for (std::uint32_t group = 0; group < 3; ++group) {
    bench.read({.bank_group = group, .row = 1}, bench.arrival_for(1'000));
  }
  // Two reads with room for one more between them: tCCD_S is 4 clocks on either side.
  bench.read({.bank_group = 0, .row = 1, .column = 1}, bench.arrival_for(2'000));
  bench.read({.bank_group = 1, .row = 1, .column = 1}, bench.arrival_for(2'008));
  const DramResponse between = bench.read({.bank_group = 2, .row = 1, .column = 1}, bench.arrival_for(2'000));
  EXPECT_EQ(between.complete, bench.clocks(2'004 + 22 + 4) + 10'000);
  // With one clock less it has to go behind them.
  bench.read({.bank_group = 0, .row = 1, .column = 2}, bench.arrival_for(3'000));
  bench.read({.bank_group = 1, .row = 1, .column = 2}, bench.arrival_for(3'007));
  const DramResponse behind = bench.read({.bank_group = 2, .row = 1, .column = 2}, bench.arrival_for(3'000));
  EXPECT_EQ(behind.complete, bench.clocks(3'011 + 22 + 4) + 10'000);
}

TEST(DramOrder, AnotherRowFitsBetweenTwoRowsOnlyWithAllItsCycle) {
  // Row 1 is activated at 1000 and row 2 at 1000 + gap, by requests made before the one for row 3.
  const auto third_row_activate = [](std::uint64_t gap) {
    DramBench bench(quiet("DDR4-3200"));
    bench.read({.row = 1}, bench.arrival_for(1'000));
    bench.read({.row = 2}, bench.arrival_for(1'000 + gap - 22));  // tRP before its ACT
    bench.read({.row = 3}, bench.arrival_for(1'000));
    return bench.log.commands()[4].time / bench.config.timings.t_ck.ps;
  };
  EXPECT_EQ(third_row_activate(148), 1'074);       // two row cycles of tRC 74
  EXPECT_EQ(third_row_activate(147), 1'147 + 74);  // one clock short: after row 2
}

TEST(DramOrder, ALateRequestJoinsTheRowThatWasOpenAtItsTime) {
  DramBench bench(quiet("DDR4-3200"));
  bench.read({.row = 1}, bench.arrival_for(1'000));
  bench.read({.row = 2}, bench.arrival_for(5'000));
  const Ps between = bench.arrival_for(3'000);
  const DramResponse response = bench.read({.row = 1, .column = 4}, between);
  EXPECT_EQ(response.outcome, DramOutcome::hit);
  EXPECT_EQ(response.complete - between, 36'250);
  // tRTP 12 clocks, then PRE and tRP: the last clock at which row 1 can still be read before row 2 opens at 5022.
  const DramResponse last = bench.read({.row = 1, .column = 5}, bench.arrival_for(5'022 - 22 - 12));
  EXPECT_EQ(last.outcome, DramOutcome::hit);
  const DramResponse too_late = bench.read({.row = 1, .column = 6}, bench.arrival_for(5'022 - 22 - 11));
  EXPECT_EQ(too_late.outcome, DramOutcome::conflict);
}

TEST(DramOrder, AnActivateInThePastRespectsTheFourActivateWindow) {
  DramBench bench(quiet("DDR4-3200"));
  // Four ACT at 1000, 1012, 1024, 1033 within tFAW 34: a fifth is forbidden from 1000 to 1033.
  const std::vector<std::uint64_t> clocks{1'000, 1'012, 1'024, 1'033};
  for (std::uint32_t i = 0; i < 4; ++i) bench.read({.bank_group = i, .row = 1}, bench.arrival_for(clocks[i]));
  bench.read({.bank_group = 0, .bank = 1, .row = 1}, bench.arrival_for(1'004));
  EXPECT_EQ(bench.last(Kind::activate), bench.clocks(1'037));  // tRRD_S after the last
  EXPECT_THAT(test::broken_rules(bench.config, bench.log.commands()), testing::IsEmpty());
}

TEST(DramOrder, ARowThatWasLeftOpenMakesRoomForALateRequest) {
  // Row 1 is read at 1000 and again, still open, at 5000. A request from in between closes it and it is reopened.
  DramBench bench(quiet("DDR4-3200"));
  bench.read({.row = 1}, bench.arrival_for(1'000));
  EXPECT_EQ(bench.read({.row = 1, .column = 1}, bench.arrival_for(5'000)).outcome, DramOutcome::hit);
  const Ps between = bench.arrival_for(3'000);
  const DramResponse response = bench.read({.row = 2}, between);
  EXPECT_EQ(response.outcome, DramOutcome::conflict);
  EXPECT_EQ(response.complete - between, 63'750);
  EXPECT_EQ(bench.dram.report(0).counters.row_reopens, 1);
  bench.dram.finish(bench.clocks(10'000));
  EXPECT_EQ(bench.log.of_kind(Kind::activate).size(), 3);
  EXPECT_THAT(test::broken_rules(bench.config, bench.log.commands()), testing::IsEmpty());
}

TEST(DramOrder, ARowIsReopenedOnlyIfThereIsTime) {
  // The read of row 2 arrives at 3000: PRE, ACT 3022, RD 3044, tRAS until 3074, PRE, ACT 3096, RD 3118 of row 1.
  for (const auto& [next_read, fits] : {std::pair{3'118U, true}, std::pair{3'117U, false}}) {
    DramBench bench(quiet("DDR4-3200"));
    bench.read({.row = 1}, bench.arrival_for(1'000));
    bench.read({.row = 1, .column = 1}, bench.arrival_for(next_read));
    const DramResponse response = bench.read({.row = 2}, bench.arrival_for(3'000));
    EXPECT_EQ(response.queueing == 0, fits);
    EXPECT_EQ(bench.dram.report(0).counters.row_reopens, fits ? 1 : 0);
    bench.dram.finish(bench.clocks(10'000));
    EXPECT_THAT(test::broken_rules(bench.config, bench.log.commands()), testing::IsEmpty());
  }
}

/// Four requesters that run ahead of each other by up to `quantum`, at 2 GB/s together: mean read latency.
double mean_latency(Ps quantum) {
  struct Arrival {
    Ps time;
    Addr address;
    Ps turn;
    std::uint64_t requester;
  };
  DramTiming dram(find_dram_preset("DDR4-3200")->config);
  std::mt19937_64 random(5);
  std::vector<Arrival> arrivals;
  Ps time = 20 * kMicrosecond;
  for (Addr i = 0; i < 60'000; ++i) {
    time += random() % 64'000;
    const Addr address = random() % 2 == 0 ? i * 64 : random() % (std::uint64_t{16} << 30);
    arrivals.push_back({time, address, quantum == 0 ? time : time / quantum * quantum, random() % 4});
  }
  std::stable_sort(arrivals.begin(), arrivals.end(), [](const Arrival& a, const Arrival& b) {
    return std::tie(a.turn, a.requester, a.time) < std::tie(b.turn, b.requester, b.time);
  });
  double sum = 0;
  for (const Arrival& one : arrivals) {
    sum += to_ns(dram.access({.address = one.address, .arrival = one.time, .floor = one.turn}).complete - one.time);
  }
  return sum / static_cast<double>(arrivals.size());
}

TEST(DramOrder, LatencyHardlyDependsOnTheQuantum) {
  const double exact = mean_latency(0);
  EXPECT_NEAR(mean_latency(100 * kNanosecond), exact, 0.01 * exact);
  EXPECT_NEAR(mean_latency(kMicrosecond), exact, 0.03 * exact);
  EXPECT_NEAR(mean_latency(10 * kMicrosecond), exact, 0.1 * exact);
}

TEST(DramOrder, WithoutARisingFloorTheMemoryStaysBounded) {
  DramBench bench(quiet("DDR4-3200"));
  bench.dram.observe(nullptr);
  for (std::uint64_t second = 1; second < 1'000; ++second) {
    const Ps arrival = second * 10 * kMillisecond;
    EXPECT_EQ(bench.read({.row = static_cast<std::uint32_t>(second)}, arrival).queueing, 0);
  }
  // What comes from before the horizon is served as soon as still possible.
  EXPECT_GT(bench.read({.row = 1}, kMillisecond).complete, kSecond);
}

// --- Refresh: REF every 7.8 us (12480 clocks), busy for 350 ns (560 clocks), first REF of the only rank at 12480 -----

DramConfig refreshed() {
  DramConfig config = quiet("DDR4-3200");
  config.organisation.ranks = 1;
  config.timings.t_refi = Latency::time(7'800'000);
  return config;
}

constexpr std::uint64_t kRefresh = 12'480;

TEST(DramRefresh, BlocksUntilItsExactEnd) {
  for (const std::uint64_t clock : {kRefresh, kRefresh + 1, kRefresh + 559, kRefresh + 560}) {
    DramBench bench(refreshed());
    const DramResponse response = bench.read({.row = 1}, bench.arrival_for(clock));
    EXPECT_EQ(bench.last(Kind::activate), bench.clocks(kRefresh + 560));
    EXPECT_EQ(response.queueing, bench.clocks(kRefresh + 560 - clock));
  }
  DramBench bench(refreshed());
  bench.read({.row = 1}, bench.arrival_for(kRefresh + 560) - 1);  // one picosecond before the end
  EXPECT_EQ(bench.last(Kind::activate), bench.clocks(kRefresh + 560));
  bench.read({.bank = 1, .row = 1}, bench.arrival_for(kRefresh + 600));
  EXPECT_EQ(bench.last(Kind::activate), bench.clocks(kRefresh + 600));
}

TEST(DramRefresh, LeavesRoomForAWholeRowCycleBeforeIt) {
  // ACT, tRAS 52, PRE, tRP 22, REF.
  DramBench in_time(refreshed());
  EXPECT_EQ(in_time.read({.row = 1}, in_time.arrival_for(kRefresh - 74)).queueing, 0);
  DramBench too_late(refreshed());
  too_late.read({.row = 1}, too_late.arrival_for(kRefresh - 73));
  EXPECT_EQ(too_late.last(Kind::activate), too_late.clocks(kRefresh + 560));
}

TEST(DramRefresh, ClosesTheRows) {
  DramBench bench(refreshed());
  bench.read({.row = 1}, bench.arrival_for(1'000));
  // RD, tRTP 12, PRE, tRP 22, REF: the last hit.
  EXPECT_EQ(bench.read({.row = 1, .column = 1}, bench.arrival_for(kRefresh - 34)).outcome, DramOutcome::hit);
  EXPECT_EQ(bench.read({.row = 1, .column = 2}, bench.arrival_for(kRefresh + 700)).outcome, DramOutcome::closed);
  bench.dram.finish(bench.clocks(3 * kRefresh));
  const auto refreshes = bench.log.of_kind(Kind::refresh);
  ASSERT_EQ(refreshes.size(), 3);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(refreshes[i].time, bench.clocks(kRefresh * (i + 1)));
  EXPECT_EQ(bench.dram.report(bench.clocks(3 * kRefresh)).refreshes, 3);
  EXPECT_EQ(bench.dram.report(bench.clocks(3 * kRefresh) - 1).refreshes, 2);
}

TEST(DramRefresh, IsStaggeredOverTheRanks) {
  DramConfig config = refreshed();
  config.organisation.ranks = 4;
  DramBench bench(config);
  bench.dram.finish(bench.clocks(kRefresh));
  const auto refreshes = bench.log.of_kind(Kind::refresh);
  ASSERT_EQ(refreshes.size(), 4);
  for (std::uint32_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(refreshes[rank].where.rank, rank);
    EXPECT_EQ(refreshes[rank].time, bench.clocks(kRefresh / 4 * (rank + 1)));
  }
}

}  // namespace pagoda::dram_order_test
