// The pager under programs: contents over many seeds, and each corner of the fault path.
#include "pagoda/software/pager.h"

#include <numeric>

#include "pagoda/base/error.h"
#include "support/pager_bench.h"

namespace pagoda::pager_test {

using testing::PagerBench;
using testing::PagerBenchConfig;

// --- whatever happens, contents stay -------------------------------------------------------------------------------

class PagerContents : public ::testing::TestWithParam<unsigned> {};

// Random machines, policies, programs and errors that pass.
TEST_P(PagerContents, SurviveEveryMove) {
  std::mt19937_64 random(GetParam() * 7919);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const auto pick = [&]<class T>(std::initializer_list<T> choices) {
    return *(choices.begin() + below(choices.size()));
  };
  PagerBenchConfig config{.seed = GetParam() + 1};
  config.smt.threads = pick({1u, 2u, 4u, 8u});
  config.smt.programs = config.smt.threads * static_cast<std::uint32_t>(1 + below(2));
  config.cores = pick({1u, 2u});
  config.one_process = below(2) == 0;
  config.copies = below(2) == 0;
  config.pager = {.eviction = pick({Eviction::clock, Eviction::fifo, Eviction::random}),
                  .wait = pick({PagingWait::poll_low, PagingWait::poll, PagingWait::sleep}),
                  .reserve = static_cast<std::uint32_t>(below(9)),
                  .overlap = below(2) == 0,
                  .wait_for_out = below(2) == 0,
                  .read_ahead = static_cast<std::uint32_t>(below(2) * below(8)),
                  .retries = 3};
  config.exclusive = config.pager.wait != PagingWait::sleep;
  config.ways = pick({0u, 1u});
  config.quantum = pick({Ps{0}, 100 * kNanosecond, kMicrosecond});
  const std::uint64_t programs = config.cores * config.smt.software_threads();
  const std::uint64_t total = config.pages * (config.one_process ? 1 : programs);
  config.frames = config.pager.reserve + 2 + total / (2 + below(6));
  config.volume = total + 8;
  PagerBench bench(config);
  bench.volume.in_time = (1 + below(20)) * kMicrosecond;
  bench.volume.out_time = (1 + below(40)) * kMicrosecond;
  bench.volume.queue = static_cast<std::uint32_t>(1 + below(64));
  std::mt19937_64 errors(GetParam());
  std::map<std::pair<MoveDirection, std::uint64_t>, unsigned> in_a_row;
  bench.volume.fate = [&](const MoveOrder& order) {
    unsigned& failures = in_a_row[{order.direction, order.page}];
    const bool fails = errors() % 10 == 0 && failures < config.pager.retries;
    failures = fails ? failures + 1 : 0;
    return !fails ? MoveStatus::ok : errors() % 2 == 0 ? MoveStatus::media_error : MoveStatus::timed_out;
  };
  std::vector<PatternConfig> patterns;
  for (std::uint64_t i = 0; i < programs; ++i) {
    patterns.push_back({.kind = pick({PatternKind::random, PatternKind::hot_cold, PatternKind::zipf}),
                        .seed = i + 1,
                        .count = 300,
                        .base = PagerBench::kBase,
                        .size = {config.pages * kPageBytes},
                        .gap = static_cast<std::uint32_t>(below(200)),
                        .write_ratio = 0.4});
  }
  bench.run(patterns);
  bench.check();
  EXPECT_GT(bench.stat("pager.page_ins"), 0);
  for (std::size_t i = 0; i < bench.programs(); ++i) EXPECT_EQ(bench.program(i).accesses(), 300u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PagerContents, ::testing::Range(0u, 60u));

// --- what a fault takes --------------------------------------------------------------------------------------------

// One thread, one program, frames for all but one page, all dirty: closed forms of the fault's time.
struct Order {
  bool overlap, wait_for_out;
  std::uint32_t reserve;
};
class PagerFault : public ::testing::TestWithParam<Order> {};

TEST_P(PagerFault, TakesTheTimeOfItsParts) {
  const Order p = GetParam();
  PagerBenchConfig config{.pages = 17, .frames = 16};
  config.smt.threads = 1;
  config.pager = {
      .eviction = Eviction::fifo, .reserve = p.reserve, .overlap = p.overlap, .wait_for_out = p.wait_for_out};
  config.frames += p.reserve;
  config.copies = false;  // every page in memory must be written
  PagerBench bench(config);
  bench.run({PagerBench::walk(17, 17)});  // the last one is on the volume
  bench.check();
  const Ps software = config.pager.fault.ps + config.pager.victim.ps + config.pager.look.ps;
  const Ps shootdown = MmuConfig{}.maintenance.page.at(MmuConfig{}.period()) + 500 * kNanosecond;
  const Ps each = bench.volume.part_of_thread;
  const Ps in = bench.volume.in_time + each;
  const Ps out = bench.volume.out_time + each;
  const bool serial = !p.overlap || p.reserve == 0;  // no frame before the victim has left
  const Ps moves = serial           ? out + in
                   : p.wait_for_out ? std::max(out, each + in)  // the in is ordered when the out has been
                                    : each + in;
  EXPECT_EQ(bench.pager->faults(), 1u);
  const double ns = bench.stat("pager.fault_latency.mean");
  const double expected = to_ns(software + shootdown + moves);
  EXPECT_NEAR(ns, expected, 3) << "each wait ends with a loop through the poller";
  EXPECT_GE(ns, expected);
}

INSTANTIATE_TEST_SUITE_P(Orders, PagerFault,
                         ::testing::Values(Order{true, true, 4}, Order{true, false, 4}, Order{false, true, 4},
                                           Order{true, true, 0}, Order{false, true, 0}));

TEST(Pager, ACleanVictimWithACopyIsNotWritten) {
  PagerBenchConfig config{.pages = 32, .frames = 16};
  config.pager.reserve = 0;
  PagerBench bench(config);
  bench.run({PagerBench::walk(32, 64)});
  bench.check();
  EXPECT_EQ(bench.volume.count(MoveDirection::out), 0u);
  EXPECT_GE(bench.volume.count(MoveDirection::in), 32u);
  EXPECT_EQ(bench.stat("pager.clean_victims"), bench.stat("pager.page_ins"));
}

TEST(Pager, ADirtyVictimIsWrittenEachTime) {
  PagerBenchConfig config{.pages = 32, .frames = 16};
  config.smt.threads = 1;
  config.pager = {.eviction = Eviction::fifo, .reserve = 0};
  PagerBench bench(config);
  bench.run({PagerBench::walk(32, 96, 1)});  // each store evicts the page stored to 16 stores ago
  bench.check();
  EXPECT_EQ(bench.volume.count(MoveDirection::in), 96u - 16);
  EXPECT_EQ(bench.volume.count(MoveDirection::out), 96u - 16);
}

TEST(Pager, WithAllPagesInMemoryNothingMoves) {
  PagerBenchConfig config{.pages = 32, .frames = 32};
  config.pager.reserve = 0;
  PagerBench bench(config);
  bench.run({PagerBench::walk(32, 320, 0.5)});
  bench.check();
  EXPECT_EQ(bench.pager->faults(), 0u);
}

TEST(Pager, TheFirstTouchOfAPageFindsItZero) {
  PagerBenchConfig config{.pages = 8, .frames = 4};
  config.pager.reserve = 1;
  PagerBench bench(config);
  bench.run({PagerBench::walk(4, 4, 0, 100)});
  bench.check();
  EXPECT_EQ(bench.stat("pager.new_pages"), 4);
  EXPECT_EQ(bench.volume.count(MoveDirection::in), 0u);
}

// --- corners -------------------------------------------------------------------------------------------------------

// All threads of a core fault at once: all poll, nobody is there to take the slots, each in its own context.
TEST(Pager, AllThreadsOfACoreFaultTogether) {
  PagerBenchConfig config{.pages = 64, .frames = 24};
  config.smt.threads = 8;
  config.pager.reserve = 8;
  PagerBench bench(config);
  std::vector<PatternConfig> patterns;
  for (std::uint64_t i = 0; i < 8; ++i) patterns.push_back(PagerBench::walk(1, 1, 0, 40 + i));  // on the volume
  bench.run(patterns);
  bench.check();
  EXPECT_EQ(bench.pager->faults(), 8u);
  const double in = to_ns(bench.volume.in_time);
  EXPECT_LT(bench.stat("pager.fault_latency.max"), 2 * in) << "side by side";
  EXPECT_EQ(bench.stat("pager.fault_time.context"), 0);
}

// Two threads touch one page: one transfer, both wait.
TEST(Pager, TwoThreadsOnOnePageShareItsTransfer) {
  PagerBenchConfig config{.pages = 32, .frames = 16};
  config.cores = 2;
  config.smt.threads = 2;
  PagerBench bench(config);
  bench.run(std::vector(4, PagerBench::walk(1, 1, 0.5, 31)));
  bench.check();
  EXPECT_EQ(bench.volume.count(MoveDirection::in), 1u);
  EXPECT_EQ(bench.pager->faults(), 4u);
  EXPECT_EQ(bench.stat("pager.joined"), 3);
  EXPECT_GT(bench.stat("pager.fault_time.other"), to_ns(2 * bench.volume.in_time));
}

// The victim is touched while it is written: it stays, as a clean page, and another one goes instead.
TEST(Pager, AVictimTouchedOnItsWayOutStays) {
  PagerBenchConfig config{.pages = 17, .frames = 16};
  config.smt.threads = 2;
  config.pager = {.eviction = Eviction::fifo, .reserve = 0};
  config.copies = false;
  PagerBench bench(config);
  bench.volume.out_time = 200 * kMicrosecond;
  PatternConfig victim = PagerBench::walk(1, 2000, 0, 0);  // page 0 all the time: the first to go
  victim.gap = 100;
  bench.run({PagerBench::walk(1, 1, 0, 16), victim});
  bench.check();
  EXPECT_EQ(bench.stat("pager.rescued"), 1);
  EXPECT_EQ(bench.pager->ledger().place(bench.page(0)), PageLedger::Place::memory);
  EXPECT_EQ(bench.pager->ledger().place(bench.page(1)), PageLedger::Place::volume) << "in its stead";
  EXPECT_EQ(bench.volume.count(MoveDirection::out), 2u);
  EXPECT_EQ(bench.volume.count(MoveDirection::in), 1u);
}

TEST(Pager, AnErrorThatPassesIsTriedAgain) {
  PagerBenchConfig config{.pages = 32, .frames = 16};
  config.copies = false;
  config.pager.retries = 2;
  PagerBench bench(config);
  std::map<std::pair<MoveDirection, std::uint64_t>, unsigned> tries;
  bench.volume.fate = [&](const MoveOrder& order) {
    const unsigned attempt = ++tries[{order.direction, order.page}];
    return attempt == 1 ? MoveStatus::timed_out : attempt == 2 ? MoveStatus::media_error : MoveStatus::ok;
  };
  bench.run({PagerBench::walk(32, 32, 0.5)});
  bench.check();
  EXPECT_EQ(bench.stat("pager.programs_ended"), 0);
  EXPECT_GE(bench.stat("pager.retries"), 32);
  EXPECT_GT(bench.stat("pager.fault_time.retry"), 0);
}

// A page that cannot be read ends the program that wants it, and nobody else; it stays on the volume.
TEST(Pager, APageThatCannotBeReadEndsItsProgram) {
  PagerBenchConfig config{.pages = 32, .frames = 16};
  config.smt.threads = 2;
  PagerBench bench(config);
  const std::uint64_t lost = *bench.pager->ledger().slot(bench.page(31));
  bench.volume.fate = [&](const MoveOrder& order) {
    return order.direction == MoveDirection::in && order.page == lost ? MoveStatus::media_error : MoveStatus::ok;
  };
  bench.run({PagerBench::walk(2, 10, 0, 30), PagerBench::walk(31, 100, 0.5)});
  bench.check();
  EXPECT_EQ(bench.stat("pager.programs_ended"), 1);
  EXPECT_EQ(bench.program(0).accesses(), 1u) << "page 30, and no further";
  EXPECT_EQ(bench.program(1).accesses(), 100u);
  EXPECT_EQ(bench.pager->ledger().place(bench.page(31)), PageLedger::Place::volume);
}

// Nothing can be written: no page is lost, and who needs a frame ends.
TEST(Pager, WhenNothingCanBeWrittenNoPageIsLost) {
  PagerBenchConfig config{.pages = 32, .frames = 16};
  config.copies = false;
  config.pager.reserve = 0;
  PagerBench bench(config);
  bench.volume.fate = [&](const MoveOrder& order) {
    return order.direction == MoveDirection::out ? MoveStatus::media_error : MoveStatus::ok;
  };
  bench.run({PagerBench::walk(32, 64, 1), PagerBench::walk(8, 800, 1)});
  bench.check();
  EXPECT_EQ(bench.program(0).accesses(), 16u) << "those in memory";
  EXPECT_EQ(bench.program(1).accesses(), 800u);
  EXPECT_EQ(bench.stat("pager.programs_ended"), 1);
  EXPECT_GT(bench.stat("pager.failed_outs"), 0);
  for (std::uint64_t i = 0; i < 16; ++i) {
    EXPECT_EQ(bench.pager->ledger().place(bench.page(i)), PageLedger::Place::memory) << i;
  }
}

// No page of the volume is free: copies of pages in memory give way; without those, who needs a frame ends.
TEST(Pager, AFullVolumeTakesCopiesBackAndThenNothingMore) {
  PagerBenchConfig config{.pages = 32, .frames = 16};
  config.volume = 32;
  config.pager.reserve = 0;
  PagerBench bench(config);                                // 16 in memory with copies, 16 on the volume: it is full
  PatternConfig fresh = PagerBench::walk(40, 40, 1, 100);  // pages never seen before, all dirty
  bench.run({fresh});
  bench.check();
  EXPECT_GT(bench.stat("pager.volume_full"), 0);
  EXPECT_EQ(bench.stat("pager.programs_ended"), 1);
  // 48 places in all, 32 pages before.
  EXPECT_NEAR(static_cast<double>(bench.program(0).accesses()), 16, 1);
}

TEST(Pager, APageThatADeviceHoldsStays) {
  PagerBenchConfig config{.pages = 32, .frames = 8};
  config.pager = {.eviction = Eviction::fifo, .reserve = 0};
  PagerBench bench(config);
  ASSERT_TRUE(bench.pager->pin(bench.page(0)));
  ASSERT_TRUE(bench.pager->pin(bench.page(5)));
  EXPECT_FALSE(bench.pager->pin(bench.page(20))) << "not in memory";
  const Addr frame = *bench.pager->ledger().frame(bench.page(5));
  bench.run({PagerBench::walk(32, 128, 0.5)});
  bench.check();
  EXPECT_EQ(bench.pager->ledger().frame(bench.page(5)), frame);
  bench.pager->unpin(bench.page(0));
}

TEST(Pager, WithAllPagesHeldWhoNeedsAFrameEnds) {
  PagerBenchConfig config{.pages = 32, .frames = 8};
  config.pager.reserve = 0;
  PagerBench bench(config);
  for (std::uint64_t i = 0; i < 8; ++i) ASSERT_TRUE(bench.pager->pin(bench.page(i)));
  bench.run({PagerBench::walk(32, 128)});
  bench.check();
  EXPECT_EQ(bench.program(0).accesses(), 8u);
  EXPECT_EQ(bench.stat("pager.no_frame"), 1);
  EXPECT_EQ(bench.stat("pager.programs_ended"), 1);
}

// Fewer contexts than threads: those that share one take turns.
TEST(Pager, ThreadsThatShareAContextTakeTurns) {
  const auto waited = [](std::uint32_t ways) {
    PagerBenchConfig config{.pages = 64, .frames = 24};
    config.smt.threads = 4;
    config.pager.reserve = 8;
    config.ways = ways;
    PagerBench bench(config);
    std::vector<PatternConfig> patterns;
    for (std::uint64_t i = 0; i < 4; ++i) patterns.push_back(PagerBench::walk(1, 1, 0, 40 + i));
    bench.run(patterns);
    bench.check();
    return bench.stat("pager.fault_time.context") / to_ns(bench.volume.in_time);
  };
  EXPECT_NEAR(waited(1), 0 + 1 + 2 + 3, 0.7);
}

TEST(Pager, AThreadThatSleepsLetsOthersRun) {
  PagerBenchConfig config{.pages = 64, .frames = 32};
  config.smt = {.threads = 1, .programs = 2};
  config.pager.wait = PagingWait::sleep;
  config.exclusive = false;
  PagerBench bench(config);
  PatternConfig computes = PagerBench::walk(1, 400, 0, 0);
  computes.gap = 1000;
  bench.run({PagerBench::walk(8, 8, 0, 40), computes});
  bench.check();
  EXPECT_GE(bench.core().context_switches(), 9u);
  EXPECT_EQ(bench.stat("smt_0.polling_slots"), 0);
}

TEST(Pager, PagesBehindTheOneWantedComeWithIt) {
  PagerBenchConfig config{.pages = 64, .frames = 32};
  config.smt.threads = 1;
  config.pager = {.eviction = Eviction::fifo, .reserve = 16, .read_ahead = 7};
  PagerBench bench(config);
  bench.run({PagerBench::walk(48, 48, 0, 16)});  // all on the volume, in order
  bench.check();
  EXPECT_EQ(bench.stat("pager.page_ins"), 48);
  EXPECT_GT(bench.stat("pager.read_ahead"), 36);
  EXPECT_LT(bench.pager->faults(), 24u) << "and some of these wait for what is under way";
}

TEST(Pager, AFullQueueIsTriedAgain) {
  PagerBenchConfig config{.pages = 64, .frames = 32};
  config.smt.threads = 8;
  PagerBench bench(config);
  bench.volume.queue = 2;
  std::vector<PatternConfig> patterns;
  for (std::uint64_t i = 0; i < 8; ++i) patterns.push_back(PagerBench::walk(1, 1, 0, 40 + i));
  bench.run(patterns);
  bench.check();
  EXPECT_GT(bench.volume.refused, 0u);
  EXPECT_EQ(bench.pager->faults(), 8u);
}

}  // namespace pagoda::pager_test
