// Walks beside the cell array: times in closed form, outcomes, flags, faults, superpages, contention.
#include <map>
#include <random>

#include "pagoda/paging/run_walk.h"
#include "unit/pim/engine_bench.h"

namespace pagoda::walk_engine_test {

using test::EngineBench;
using test::kUserPage;
using Outcome = MemoryWalkOutcome;

constexpr Addr kPage = 0x12345000;
constexpr Addr kFrame = 0x40000000;

struct Levels {
  const char* format;
  unsigned count;
};
void PrintTo(const Levels& levels, std::ostream* out) { *out << levels.format; }

struct WalkTime : EngineBench, testing::WithParamInterface<Levels> {
  // Other rows open in all banks, so that every table's has to be precharged and activated.
  void close_tables(Ps at) {
    for (std::uint32_t group = 0; group < 4; ++group) {
      for (std::uint32_t bank = 0; bank < 4; ++bank) {
        const Addr address = dram->address_map().encode({.bank_group = group, .bank = bank, .row = 7});
        dram->access({.address = address, .arrival = at});
      }
    }
  }
};

// Unloaded: link + levels * (precharge + activate + sense and select), here without the link in front of the controller.
TEST_P(WalkTime, BesideTheArrayIsARowForEachLevelAndOneBurst) {
  build(GetParam().format);
  map(kPage, kFrame);
  const DramTimings& t = dram_config.timings;
  const Ps select = clocks(8 + 1);
  const Ps cold = clocks(16'000);
  EXPECT_EQ(walk(kPage, cold).done - cold, way_in() + GetParam().count * (time(t.t_rcd) + select) + way_out())
      << "banks precharged";
  const Ps warm = clocks(32'000);
  EXPECT_EQ(walk(kPage, warm).done - warm, way_in() + GetParam().count * select + way_out()) << "rows open";
  close_tables(clocks(40'000));
  const Ps conflict = clocks(48'000);
  const auto reply = walk(kPage, conflict);
  EXPECT_EQ(reply.done - conflict, way_in() + GetParam().count * (time(t.t_rp) + time(t.t_rcd) + select) + way_out());
  EXPECT_EQ(reply.outcome, Outcome::result);
  EXPECT_EQ(reply.output, kFrame);
  EXPECT_EQ(stat("table_bytes"), 0);
  EXPECT_EQ(stat("activates"), 2 * GetParam().count);
  EXPECT_EQ(stat("table_reads"), 3 * GetParam().count);
  EXPECT_EQ(dram->bursts_out(0), 3U + 16U) << "the answers and the reads that opened other rows";
}

TEST_P(WalkTime, InTheControllerIsABurstForEachLevel) {
  config.kind = MemoryWalkerKind::controller;
  build(GetParam().format);
  map(kPage, kFrame);
  const DramTimings& t = dram_config.timings;
  const Ps level = time(t.t_rcd) + time(t.t_cl) + clocks(4) + clocks(1);
  const Ps cold = clocks(16'000);
  const auto reply = walk(kPage, cold);
  EXPECT_EQ(reply.done - cold, way_in() + GetParam().count * level + dram_config.controller.backend_latency.ps);
  EXPECT_EQ(reply.output, kFrame);
  EXPECT_EQ(stat("table_bytes"), 64 * GetParam().count);
}

// Tables in one bank: its rows follow one another as tRAS and tRP allow.
TEST_P(WalkTime, InOneBankLevelsWaitForEachOthersRows) {
  dram_config.organisation.columns = 512;  // a row holds one table
  dram_config.organisation.rows *= 2;
  config.tables.banks = 1;
  build(GetParam().format);
  map(kPage, kFrame);
  const DramTimings& t = dram_config.timings;
  const Ps row_cycle = std::max(time(t.t_rc), std::max(time(t.t_ras), time(t.t_rcd) + clocks(8)) + time(t.t_rp));
  const Ps cold = clocks(16'000);
  EXPECT_EQ(walk(kPage, cold).done - cold,
            way_in() + (GetParam().count - 1) * row_cycle + time(t.t_rcd) + clocks(8 + 1) + way_out());
}

INSTANTIATE_TEST_SUITE_P(Formats, WalkTime,
                         testing::Values(Levels{"sv39", 3}, Levels{"sv48", 4}, Levels{"sv57", 5}, Levels{"x86-64-4", 4},
                                         Levels{"x86-64-5", 5}),
                         [](const auto& test) {
                           std::string name(test.param.format);
                           std::erase(name, '-');
                           return name;
                         });

struct WalkEngineTest : EngineBench {};

TEST_F(WalkEngineTest, SuperpagesEndTheWalkEarlyAtEveryOffset) {
  build();
  map(0x40000000, 0x80000000, 30);
  map(0x80200000, 0x200000, 21);
  std::mt19937_64 random(3);
  for (int i = 0; i < 100; ++i) {
    const Addr offset = random();
    const auto giant = walk(0x40000000 | (offset & low_mask(30)), clocks(1000));
    EXPECT_EQ(giant.output, 0x80000000 | (offset & low_mask(30)));
    EXPECT_EQ(giant.result.entry.page_shift, 30);
    const auto large = walk(0x80200000 | (offset & low_mask(21)), clocks(1000));
    EXPECT_EQ(large.output, 0x200000 | (offset & low_mask(21)));
    EXPECT_EQ(large.result.entry.page_shift, 21);
  }
  EXPECT_EQ(stat("table_reads"), 100 * (2 + 3));
}

TEST_F(WalkEngineTest, AnInvalidEntryOfAnyLevelIsNotPresentAndReadsNoFurther) {
  build();
  map(kPage, kFrame);
  const std::vector<std::pair<Addr, double>> reads{
      {kPage + 0x1000, 4}, {kPage + (Addr{1} << 21), 3}, {kPage + (Addr{1} << 30), 2}, {kPage + (Addr{1} << 39), 1}};
  double total = 0;
  for (const auto& [address, count] : reads) {
    const auto reply = walk(address, clocks(1000));
    EXPECT_EQ(reply.outcome, Outcome::not_present);
    EXPECT_EQ(reply.result.fault.cause, FaultCause::not_present);
    EXPECT_EQ(reply.result.fault.virtual_address, address);
    total += count;
    EXPECT_EQ(stat("table_reads"), total);
  }
  // Paged in, the retry finds it.
  map(kPage + 0x1000, kFrame + 0x5000);
  EXPECT_EQ(walk(kPage + 0x1000, clocks(2000)).output, kFrame + 0x5000);
}

TEST_F(WalkEngineTest, WhatAPageDoesNotGrantIsToldWithItsCause) {
  build();
  map(kPage, kFrame, 12, kUserPage & ~Rights::write);
  const auto reply = walk(kPage, 0, AccessKind::write);
  EXPECT_EQ(reply.outcome, Outcome::not_present);
  EXPECT_EQ(reply.result.fault.cause, FaultCause::permission);
}

TEST_F(WalkEngineTest, FlagsAreSetInTheArrayAndHoldTheRow) {
  build();
  map(kPage, kFrame, 12, kUserPage & ~kFlags);
  const auto first = walk(kPage, clocks(16'000), AccessKind::write);
  EXPECT_EQ(first.outcome, Outcome::result);
  EXPECT_EQ(stat("updates"), 1);
  EXPECT_TRUE(has(editor().find(kPage)->rights, kFlags));
  const DramTimings& t = dram_config.timings;
  EXPECT_EQ(first.done - clocks(16'000), way_in() + 4 * (time(t.t_rcd) + clocks(9)) + clocks(9) + way_out())
      << "one more selection in the row that is open";
  EXPECT_EQ(stat("table_bytes"), 0);
}

TEST_F(WalkEngineTest, ATableElsewhereIsForTheHostUntilItIsMoved) {
  build();
  map(kPage, kFrame);
  // The next lower table of the root's first entry, moved to ordinary memory.
  const std::uint64_t entry = bytes.words.read(stages[0].root);
  const Addr table = (entry >> 10) << 12;
  constexpr Addr kElsewhere = 0x10000000;
  for (Addr word = 0; word < kPageBytes; word += 8)
    bytes.words.write(kElsewhere + word, bytes.words.read(table + word));
  bytes.words.write(stages[0].root, (entry & 0x3ff) | kElsewhere >> 12 << 10);
  const auto away = walk(kPage, clocks(1000));
  EXPECT_EQ(away.outcome, Outcome::fallback);
  EXPECT_GT(away.done, clocks(1000));
  bytes.words.write(stages[0].root, entry);
  EXPECT_EQ(walk(kPage, clocks(2000)).outcome, Outcome::result);
  stages[0].root = kElsewhere;
  EXPECT_EQ(walk(kPage, clocks(3000)).outcome, Outcome::fallback) << "not even the root is in reach";
  EXPECT_EQ(stat("outcomes.fallback"), 2);
  EXPECT_EQ(stat("outcomes.result"), 1);
}

// The default mapping spreads a table over four bank groups.
TEST_F(WalkEngineTest, ATableMaySpanBanks) {
  dram_config.organisation.mapping = DramOrganisation{}.mapping;
  build();
  for (Addr page = 0; page < 64; ++page) map(kPage + page * kPageBytes, kFrame + page * kPageBytes * 3);
  std::set<std::uint32_t> banks;
  for (Addr page = 0; page < 64; ++page) {
    const Addr address = kPage + page * kPageBytes;
    banks.insert(dram->address_map().place(editor().find(address)->leaf_address).bank);
    EXPECT_EQ(walk(address, clocks(1000 + 500 * page)).output, kFrame + page * kPageBytes * 3);
  }
  EXPECT_EQ(banks.size(), 4U);
}

TEST_F(WalkEngineTest, ARefreshHoldsAWalkUp) {
  dram_config.timings.t_refi = Latency::time(7'800'000);
  build();
  map(kPage, kFrame);
  const Ps refresh = clocks(12'480);
  const Ps start = refresh - 60'000;  // two levels before it, the others after
  const auto reply = walk(kPage, start);
  EXPECT_EQ(reply.output, kFrame);
  EXPECT_GT(reply.done, refresh + time(dram_config.timings.t_rfc) + clocks(22 + 9));
  EXPECT_LT(reply.done, refresh + time(dram_config.timings.t_rfc) + 200'000);
}

// Four walks at once, of pages that share nothing but the root: side by side where their tables are in banks of their
// own, one row after the other where they are in one bank.
struct SeveralWalks : EngineBench {
  Ps last_of_four() {
    build();
    for (Addr i = 1; i <= 4; ++i) map(i << 39, kFrame + i * kPageBytes);
    Ps last = 0;
    for (Addr i = 1; i <= 4; ++i) last = std::max(last, walk(i << 39, clocks(16'000)).done - clocks(16'000));
    return last;
  }
  Ps row_cycle() const { return time(dram_config.timings.t_rc); }
};

TEST_F(SeveralWalks, InBanksOfTheirOwnGoOnAtTheSameTime) {
  const Ps alone = way_in() + 4 * (time(dram_config.timings.t_rcd) + clocks(9)) + way_out();
  EXPECT_LT(last_of_four(), alone + 2 * row_cycle());
}

TEST_F(SeveralWalks, InOneBankWaitForEachOther) {
  config.tables = {.rows = 2048, .banks = 1};
  EXPECT_GT(last_of_four(), 6 * row_cycle()) << "13 tables, two in a row";
}

TEST_F(WalkEngineTest, AFullQueueHoldsCommandsBackAndLosesNone) {
  config.slots = 1;
  config.queue = 2;
  build();
  map(kPage, kFrame);
  Ps last = 0;
  for (int i = 0; i < 50; ++i) {
    const auto reply = walk(kPage, clocks(1000));
    EXPECT_EQ(reply.output, kFrame);
    EXPECT_GE(reply.done, last);
    last = reply.done;
  }
  EXPECT_EQ(stat("commands"), 50);
  EXPECT_EQ(stat("outcomes.result"), 50);
  EXPECT_EQ(stat("queue_full"), 48);
  EXPECT_GE(last, clocks(1000) + 50 * 4 * clocks(9)) << "one walk at a time";
}

TEST_F(WalkEngineTest, TwoStagesAreWalkedInTheArray) {
  config.tables.everywhere = true;
  build("sv39");
  BumpFrames guest_frames(0x100000, 0x200000);
  // The guest's tables and its page lie where the second stage, built first, maps them one to one.
  stages.clear();
  add_stage("sv39", guest_frames);
  add_stage("sv39x4", rows->frames(0));
  ASSERT_EQ(PageTableEditor(stages[0], bytes.words, guest_frames)
                .map(kPage, {.output = 0x300000, .page_shift = 12, .rights = kUserPage}),
            EditStatus::ok);
  for (Addr page = 0x100000; page < 0x200000; page += kPageBytes) {
    ASSERT_EQ(editor(1).map(page, {.output = page, .page_shift = 12, .rights = kUserPage}), EditStatus::ok);
  }
  ASSERT_EQ(editor(1).map(0x300000, {.output = kFrame, .page_shift = 12, .rights = kUserPage}), EditStatus::ok);
  const auto reply = walk(kPage, 0);
  EXPECT_EQ(reply.output, kFrame);
  EXPECT_EQ(stat("table_reads"), 15) << "as without caches: 3 * 3 + 3 + 3";
}

// Random pages, changed again and again: every command ends in one outcome, and agrees with a walk of the same bytes.
TEST_F(WalkEngineTest, EveryCommandEndsOnceAndAsAWalkOfTheBytesDoes) {
  config.buffer = TlbConfig{.entries = 16, .ways = 4};
  config.associative = AssociativeRowsConfig{.rows = 4};
  build();
  std::mt19937_64 random(11);
  std::map<Outcome, int> outcomes;
  const auto random_page = [&] { return (random() % 3 << 30) | (random() % 3 << 21) | (random() % 8 << 12); };
  Ps now = 0;
  for (int i = 0; i < 5000; ++i) {
    now += random() % 300'000;
    const Addr page = random_page();
    switch (random() % 4) {
      case 0:
        (void)editor().map(page, {.output = (random() % 1024) << 12,
                                  .page_shift = 12,
                                  .rights = random() % 2 != 0 ? kUserPage : kUserPage & ~(Rights::write | kFlags)});
        break;
      case 1:
        (void)editor().unmap(page, 12);
        (void)engine->invalidate({.address = page}, now, 0);
        break;
      default: {
        const AccessKind access = random() % 2 != 0 ? AccessKind::write : AccessKind::read;
        const Addr address = page | (random() & 0xff8);
        Walk walk(stages, {.address = address, .access = access, .privilege = Privilege::user});
        struct Port {
          SparseStore& words;
          EntryRead read(const Step& step) { return {words.read(step.address), FaultCause::none}; }
          EntryUpdate update(const Step& step) { return {true, step.desired, FaultCause::none}; }
        } port{bytes.words};
        const bool found = run_walk(walk, port);
        const auto reply = this->walk(address, now, access);
        ++outcomes[reply.outcome];
        ASSERT_EQ(reply.outcome, found ? Outcome::result : Outcome::not_present) << i;
        if (found) {
          ASSERT_EQ(reply.output, walk.translation().output) << i;
        } else {
          ASSERT_EQ(reply.result.fault.cause, walk.fault().cause) << i;
        }
      }
    }
  }
  EXPECT_GT(outcomes[Outcome::result], 500);
  EXPECT_GT(outcomes[Outcome::not_present], 500);
  EXPECT_EQ(stat("commands"), stat("outcomes.result") + stat("outcomes.not_present"));
  EXPECT_GT(stat("buffer.hits"), 50);
  EXPECT_GT(stat("associative.hits"), 50);
  EXPECT_EQ(stat("table_bytes"), 0);
}

}  // namespace pagoda::walk_engine_test
