#include "pagoda/memory/cache_core.h"

#include <functional>
#include <map>
#include <random>
#include <utility>

#include <gtest/gtest.h>

namespace pagoda::cache_core_test {

constexpr Ps kBelow = 100'000;  // what the level below takes

// The level below: answers after kBelow, remembers what it was asked.
struct Next {
  struct Fetch {
    Addr line;
    Ps at;
  };
  std::vector<Fetch> fetched;
  std::vector<Fetch> written;
  bool refuse = false;

  void expect(Addr /*line*/) {}
  LineFill fetch(Addr line, Ps at, TimeSplit* time) {
    fetched.push_back({line, at});
    if (time != nullptr) (*time)[TimePart::dram] += kBelow;
    return {at + kBelow, refuse};
  }
  Ps write_back(Addr line, Ps at) {
    written.push_back({line, at});
    return at + kBelow;
  }
};

// 1 GHz: a cycle is 1000 ps; a hit takes 4 cycles.
CacheConfig small() {
  return {.size = {4 * 64}, .ways = 4, .latency = Latency::cycles(4), .ports = 0, .mshrs = 2, .write_buffer = 1};
}

struct Bench {
  explicit Bench(const CacheConfig& config) : cache(config) {}

  CacheOutcome at(Ps time, Addr line, bool write = false, bool whole = false) {
    TimeSplit split;
    const CacheOutcome outcome =
        cache.access({.line = line, .write = write, .whole_line = whole, .floor = 0, .at = time}, split, next);
    EXPECT_EQ(split.total(), outcome.done - time) << "every picosecond is accounted for";
    last = split;
    return outcome;
  }

  CacheCore cache;
  Next next;
  TimeSplit last;
};

TEST(CacheCore, AMissTakesLatencyPlusTheLevelBelowAndAHitTheLatency) {
  Bench bench(small());
  EXPECT_EQ(bench.at(0, 0).done, 4000 + kBelow);
  EXPECT_EQ(bench.at(200'000, 0).done, 204'000u);
  EXPECT_EQ(bench.cache.stats().hits, 1u);
  EXPECT_EQ(bench.cache.stats().misses, 1u);
}

TEST(CacheCore, AnAccessBeforeTheFillArrivesWaitsForItAndNotOnePicosecondLonger) {
  Bench bench(small());
  bench.at(0, 0);
  const Ps arrives = 4000 + kBelow;
  EXPECT_EQ(bench.at(10'000, 0).done, arrives);
  EXPECT_EQ(bench.at(arrives - 4001, 0).done, arrives);
  EXPECT_EQ(bench.at(arrives - 4000, 0).done, arrives);
  EXPECT_EQ(bench.at(arrives - 3999, 0).done, arrives + 1);
  EXPECT_EQ(bench.cache.stats().merged, 2u);
  EXPECT_EQ(bench.next.fetched.size(), 1u);
}

TEST(CacheCore, MoreMissesThanRegistersWait) {
  Bench bench(small());  // two registers
  const Ps first = bench.at(0, 0).done;
  EXPECT_EQ(bench.at(0, 64).done, first);
  EXPECT_EQ(bench.at(0, 128).done, first + kBelow);
  EXPECT_EQ(bench.last[TimePart::queue], kBelow);
}

TEST(CacheCore, AccessesBeyondThePortsWaitACycle) {
  CacheConfig config = small();
  config.ports = 1;
  Bench bench(config);
  bench.at(0, 0);
  EXPECT_EQ(bench.at(500'000, 0).done, 504'000u);
  EXPECT_EQ(bench.at(500'000, 0).done, 505'000u);
  EXPECT_EQ(bench.at(500'999, 0).done, 506'000u);
}

TEST(CacheCore, ADirtyVictimIsWrittenBackOnceAndACleanOneNever) {
  Bench bench(small());
  bench.at(0, 0, true);
  for (Addr line = 64; line <= 3 * 64; line += 64) bench.at(1'000'000 * (line / 64), line);
  EXPECT_TRUE(bench.next.written.empty());
  bench.at(10'000'000, 4 * 64);
  ASSERT_EQ(bench.next.written.size(), 1u);
  EXPECT_EQ(bench.next.written[0].line, 0u);
  bench.at(20'000'000, 5 * 64);
  EXPECT_EQ(bench.next.written.size(), 1u);
}

TEST(CacheCore, AFullWriteBufferHoldsTheFillBack) {
  CacheConfig config = small();
  config.mshrs = 0;
  Bench bench(config);
  for (Addr line = 0; line < 4 * 64; line += 64) bench.at(0, line, true);
  const Ps free = bench.at(1'000'000, 4 * 64).done;
  EXPECT_EQ(free, 1'004'000 + kBelow);
  EXPECT_EQ(bench.at(1'000'000, 5 * 64).done, free + kBelow) << "one entry, taken until the first victim is out";
}

TEST(CacheCore, AWriteOfAWholeLineFetchesNothing) {
  Bench bench(small());
  EXPECT_EQ(bench.at(0, 0, true, true).done, 4000u);
  EXPECT_TRUE(bench.next.fetched.empty());
}

TEST(CacheCore, ARefusedLineIsNotFilled) {
  Bench bench(small());
  bench.next.refuse = true;
  EXPECT_TRUE(bench.at(0, 0).failed);
  EXPECT_FALSE(bench.cache.holds(0));
  bench.next.refuse = false;
  EXPECT_FALSE(bench.at(1'000'000, 0).hit);
}

TEST(CacheCore, NextLinePrefetchHidesASequentialStreamAfterTheFirstMiss) {
  CacheConfig config = small();
  config.size = {64 * 64};
  config.ways = 64;
  config.mshrs = 16;
  config.prefetch = {.kind = PrefetchKind::next_line, .degree = 1};
  Bench bench(config);
  for (Addr line = 0; line < 8 * 64; line += 64) bench.at(1'000'000 * (1 + line / 64), line);
  EXPECT_EQ(bench.cache.stats().misses, 1u);
  EXPECT_EQ(bench.cache.stats().useful_prefetches, 7u);
}

TEST(CacheCore, StridePrefetchLearnsForwardAndBackwardAndStaysInItsPage) {
  for (const std::int64_t stride : {3, -3}) {
    CacheConfig config = small();
    config.size = {1024 * 64};
    config.ways = 1024;
    config.mshrs = 16;
    config.prefetch = {.kind = PrefetchKind::stride, .degree = 1};
    Bench bench(config);
    const std::int64_t first = stride > 0 ? 64 : 127;
    for (int i = 0; i < 30; ++i) {
      const std::int64_t line = first + i * stride;
      if (line < 64 || line >= 128) break;
      bench.at(static_cast<Ps>(1 + i) * 1'000'000, static_cast<Addr>(line) * 64);
    }
    EXPECT_EQ(bench.cache.stats().misses, 3u) << "two to see the stride twice, one the stride did not reach in time";
    for (const Next::Fetch& fetch : bench.next.fetched) EXPECT_EQ(fetch.line >> 12, 1u);
  }
}

TEST(CacheCore, APrefetchNeverTakesTheLastMissRegisterFromADemandMiss) {
  CacheConfig config = small();
  config.mshrs = 1;
  config.prefetch = {.kind = PrefetchKind::next_line, .degree = 4};
  Bench bench(config);
  bench.at(0, 0);
  EXPECT_EQ(bench.next.fetched.size(), 1u);
}

// Closed form (LRU stack): a cyclic sweep over no more than fits misses once per line, over more it always
// misses.
TEST(CacheCore, CyclicSweepsFollowTheLruClosedForm) {
  for (const std::uint64_t lines : {64u, 72u}) {
    CacheConfig config = small();
    config.size = {64 * 64};
    config.ways = 8;
    Bench bench(config);
    Ps now = 0;
    for (int round = 0; round < 10; ++round) {
      for (std::uint64_t i = 0; i < lines; ++i) bench.at(now += 1'000'000, i * 64);
    }
    EXPECT_EQ(bench.cache.stats().misses, lines == 64 ? 64u : 10u * 72u);
  }
}

// A streak (mmu/streak.h) goes on as long as the epoch is the same: what a hit would then do to the line must be nothing.
TEST(CacheCore, TheEpochChangesWithAllThatAHitWouldUndo) {
  for (const Replacement replacement : {Replacement::lru, Replacement::srrip}) {
    CacheConfig config = small();
    config.replacement = replacement;
    Bench bench(config);
    bench.at(0, 0);
    bench.at(200'000, 0);
    std::uint64_t epoch = bench.cache.epoch();
    const auto changed = [&] { return std::exchange(epoch, bench.cache.epoch()) != bench.cache.epoch(); };
    EXPECT_TRUE(bench.cache.repeats(8, 8));
    bench.cache.install(64, 0, 300'000, bench.next);
    EXPECT_TRUE(changed()) << "another line is the newest";
    bench.at(400'000, 0);
    EXPECT_TRUE(changed());
    bench.at(500'000, 128);
    EXPECT_TRUE(changed()) << "and under SRRIP the choice of a victim ages every line";
    EXPECT_EQ(bench.cache.repeats(0, 8), false);
    bench.at(600'000, 0);
    EXPECT_TRUE(changed());
    bench.next.refuse = true;
    EXPECT_TRUE(bench.at(700'000, 192).failed);
    EXPECT_TRUE(changed()) << "also if nothing came of it";
  }
}

}  // namespace pagoda::cache_core_test
