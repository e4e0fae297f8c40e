// The core's timing against closed forms, and against the same rules applied one instruction at a time.
#include "pagoda/workload/core_timing.h"

#include <algorithm>
#include <random>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace pagoda::core_timing_test {

constexpr Ps kCycle = 1000;

CoreConfig plain_core() { return {.issue_width = 1, .window = 1000, .outstanding_loads = 1000, .store_buffer = 1000}; }

// The next instruction but `gap` is a load that takes `latency`; returns when it issues.
Ps load(CoreTiming& core, std::uint64_t gap, Ps latency, unsigned depends_on = 0) {
  core.enter(gap + 1);
  const Ps issue = core.load_issue(depends_on);
  core.load_done(issue + latency);
  return issue;
}

Ps store(CoreTiming& core, std::uint64_t gap, Ps latency, unsigned depends_on = 0) {
  core.enter(gap + 1);
  const Ps issue = core.store_issue(depends_on);
  core.store_done(issue + latency);
  return issue;
}

TEST(CoreTiming, InstructionsEnterAtTheIssueWidth) {
  for (const std::uint32_t width : {1u, 3u, 4u, 64u}) {
    CoreConfig config = plain_core();
    config.issue_width = width;
    CoreTiming at_once(config, kCycle);
    CoreTiming one_by_one(config, kCycle);
    for (std::uint64_t n = 1; n <= 200; ++n) {
      one_by_one.enter(1);
      EXPECT_EQ(one_by_one.now(), (n - 1) / width * kCycle) << n << " at " << width;
    }
    at_once.enter(0);
    EXPECT_EQ(at_once.instructions(), 0u);
    at_once.enter(200);
    EXPECT_EQ(at_once.now(), one_by_one.now());
    EXPECT_EQ(at_once.instructions(), 200u);
    EXPECT_EQ(at_once.drained(), at_once.now());
  }
}

// Every `spacing`-th instruction is a load of one latency. Load k waits for the place in the window of load k - W/G,
// for the queue entry of load k - Q, and for its turn; so a load takes max(G / width, L * G / W, L / Q) on average, and
// from one that has to wait to the next that does, exactly L passes.
struct Parallelism {
  std::uint32_t width, window, queue, spacing;
  Ps latency;
  std::uint64_t per_latency;  // loads that are done in one latency, by hand
};

class MemoryParallelism : public ::testing::TestWithParam<Parallelism> {};

TEST_P(MemoryParallelism, FollowsTheClosedForm) {
  const Parallelism p = GetParam();
  CoreTiming core({.issue_width = p.width, .window = p.window, .outstanding_loads = p.queue}, kCycle);
  std::vector<Ps> issued;
  for (int i = 0; i < 1000; ++i) issued.push_back(load(core, p.spacing - 1, p.latency));
  for (std::size_t i = p.per_latency; i < issued.size(); ++i) {
    ASSERT_EQ(issued[i] - issued[i - p.per_latency], p.latency) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Limits, MemoryParallelism,
                         ::testing::Values(Parallelism{4, 64, 1000, 1, 100 * kCycle, 64},  // window
                                           Parallelism{4, 64, 1000, 16, 100 * kCycle, 4},  // window, sparse loads
                                           Parallelism{4, 1, 1000, 1, 100 * kCycle, 1},    // in order
                                           Parallelism{4, 1, 1000, 4, 100 * kCycle, 1},    //
                                           Parallelism{4, 224, 10, 1, 100 * kCycle, 10},   // load queue
                                           Parallelism{4, 40, 10, 4, 100 * kCycle, 10},    // both alike
                                           Parallelism{2, 224, 72, 8, 100 * kCycle, 25},   // width: 4 cycles a load
                                           Parallelism{1, 224, 72, 1, 50 * kCycle, 50}));  // width: a cycle a load

// Where G does not divide W, the load that waited has W's remainder of instructions before it that enter at the width.
TEST(CoreTiming, WhatFollowsTheInstructionThatWaitedEntersAtTheWidth) {
  CoreTiming core({.issue_width = 4, .window = 224, .outstanding_loads = 72}, kCycle);
  constexpr Ps kLatency = 200 * kCycle;
  std::vector<Ps> issued;
  for (int i = 0; i < 300; ++i) issued.push_back(load(core, 99, kLatency));
  // Load k frees the place of instruction 100 k + 224; load k + 3 is 76 instructions, 19 cycles, behind it.
  for (std::size_t i = 3; i < issued.size(); ++i) ASSERT_EQ(issued[i] - issued[i - 3], kLatency + 19 * kCycle) << i;
}

TEST(CoreTiming, DependentLoadsFollowEachOther) {
  for (const unsigned chains : {1u, 2u, 5u}) {
    CoreTiming core(plain_core(), kCycle);
    for (std::uint64_t i = 0; i < 100; ++i) {
      EXPECT_EQ(load(core, 0, 80'000, chains), i / chains * 80'000 + i % chains * kCycle);
    }
  }
  CoreTiming core(plain_core(), kCycle);
  EXPECT_EQ(load(core, 0, 80'000, 1), 0u) << "there is no load before the first";
  load(core, 0, 10'000);
  EXPECT_EQ(load(core, 0, 1'000, 2), 80'000u) << "of the first";
  EXPECT_EQ(load(core, 0, 1'000, 2), 11'000u) << "of the second";
  EXPECT_EQ(store(core, 0, 1'000, 4), 81'000u) << "leaves after all before it";
}

TEST(CoreTiming, ADependenceReachesAsFarAsARecordCanSay) {
  CoreTiming core(plain_core(), kCycle);
  load(core, 0, 5'000'000);
  for (unsigned i = 1; i < kMaxDependence; ++i) load(core, 0, kCycle);
  EXPECT_EQ(load(core, 0, kCycle, kMaxDependence), 5'000'000u);
  EXPECT_EQ(load(core, 0, kCycle, kMaxDependence), 128 * kCycle) << "of the second load: there when it enters";
}

TEST(CoreTiming, StoresAreWrittenInOrderFromTheEndOfTheWindow) {
  CoreTiming core({.issue_width = 1, .window = 8, .outstanding_loads = 8, .store_buffer = 2}, kCycle);
  load(core, 0, 50'000);
  EXPECT_EQ(store(core, 0, 100'000), 50'000u) << "the load before it has to leave first";
  EXPECT_EQ(core.now(), 1'000u) << "nothing waits for the store";
  EXPECT_EQ(store(core, 0, 10'000), 50'000u);
  EXPECT_EQ(core.drained(), 150'000u) << "not written before the first";
  EXPECT_EQ(core.stalls().store_buffer, 0u);
  EXPECT_EQ(store(core, 0, 10'000), 150'000u) << "needs the entry of the first store";
  EXPECT_EQ(core.stalls().store_buffer, 150'000u - 3'000u);
  EXPECT_EQ(store(core, 0, 10'000), 151'000u) << "that of the second was free at the same time";
}

TEST(CoreTiming, StoreThroughputIsTheBufferPerLatency) {
  for (const std::uint32_t entries : {1u, 8u, 56u}) {
    CoreTiming core({.issue_width = 4, .window = 224, .store_buffer = entries}, kCycle);
    std::vector<Ps> issued;
    for (int i = 0; i < 500; ++i) issued.push_back(store(core, 0, 100 * kCycle));
    for (std::size_t i = entries; i < issued.size(); ++i) ASSERT_EQ(issued[i] - issued[i - entries], 100 * kCycle);
  }
}

TEST(CoreTiming, AStallOfTheFrontEndDelaysWhatEntersNext) {
  CoreConfig config = plain_core();
  config.issue_width = 2;
  CoreTiming core(config, kCycle);
  load(core, 0, 90'000);
  core.stall_fetch_until(20'500);
  EXPECT_EQ(core.stalls().fetch, 20'500u);
  core.stall_fetch_until(10'000);
  EXPECT_EQ(core.stalls().fetch, 20'500u) << "already past";
  core.enter(2);
  EXPECT_EQ(core.now(), 20'500u) << "a whole width of instructions";
  core.enter(1);
  EXPECT_EQ(core.now(), 21'500u);
  EXPECT_EQ(core.drained(), 90'000u) << "the window goes on meanwhile";
}

TEST(CoreTiming, AFlushKeepsEverythingBackUntilItsEnd) {
  CoreTiming core({.issue_width = 1, .window = 4}, kCycle);
  load(core, 0, 10'000);
  core.stall_until(50'000);
  EXPECT_EQ(core.now(), 50'000u);
  EXPECT_EQ(load(core, 0, 10'000), 50'000u);
  EXPECT_EQ(store(core, 0, 1'000), 60'000u);
  core.stall_until(1'000);
  EXPECT_EQ(core.now(), 51'000u) << "already past";
  CoreTiming idle(plain_core(), kCycle);
  idle.stall_until(70'000);
  EXPECT_EQ(idle.drained(), 70'000u);
}

TEST(CoreTiming, ALoadAndAStoreOfOneInstructionShareItsPlace) {
  CoreTiming core({.issue_width = 1, .window = 2}, kCycle);
  for (std::uint64_t i = 0; i < 100; ++i) {  // two places, each for the load's time
    EXPECT_EQ(load(core, 0, 40'000), i / 2 * 40'000 + i % 2 * kCycle);
    EXPECT_EQ(core.store_issue(1), i / 2 * 40'000 + i % 2 * kCycle + 40'000);
    core.store_done(core.now() + 41'000);
  }
}

// --- Any program -----------------------------------------------------------------------------------------------------

struct Instruction {
  enum class Kind { plain, load, store } kind = Kind::plain;
  Ps latency = 0;
  unsigned depends_on = 0;
};

using Kind = Instruction::Kind;

struct Moments {
  std::vector<Ps> entered, issued;  // by instruction; by access
  Ps drained = 0;
};

// The rules at the head of core_timing.h for one instruction after the other, with every moment kept.
Moments by_instruction(const std::vector<Instruction>& program, const CoreConfig& config) {
  Moments moments;
  std::vector<Ps> left, values, load_left, written;
  Ps now = 0, last_written = 0;
  std::uint32_t in_cycle = 0;
  const auto value_of = [&](unsigned back) {
    return back == 0 || back > values.size() ? 0 : values[values.size() - back];
  };
  const auto freed = [](const std::vector<Ps>& times, std::size_t entries) {
    return times.size() < entries ? 0 : times[times.size() - entries];
  };
  for (const Instruction& instruction : program) {
    Ps enter = now;
    if (in_cycle == config.issue_width) {
      enter += kCycle;
      in_cycle = 0;
    }
    Ps room = freed(left, config.window);
    if (instruction.kind == Kind::load) room = std::max(room, freed(load_left, config.outstanding_loads));
    if (instruction.kind == Kind::store) room = std::max(room, freed(written, config.store_buffer));
    if (room > enter) {
      enter = room;
      in_cycle = 0;
    }
    ++in_cycle;
    now = enter;
    const Ps ready = std::max(enter, value_of(instruction.depends_on));
    const Ps complete = instruction.kind == Kind::plain   ? enter
                        : instruction.kind == Kind::store ? ready
                                                          : ready + instruction.latency;
    left.push_back(left.empty() ? complete : std::max(left.back(), complete));
    moments.entered.push_back(enter);
    if (instruction.kind == Kind::load) {
      moments.issued.push_back(ready);
      values.push_back(complete);
      load_left.push_back(left.back());
    } else if (instruction.kind == Kind::store) {
      moments.issued.push_back(left.back());
      last_written = std::max(last_written, left.back() + instruction.latency);
      written.push_back(last_written);
    }
  }
  moments.drained = std::max({now, left.back(), last_written});
  return moments;
}

// Makes what comes next of independent loads as a run, as far as that goes; how many those were.
std::size_t run_of_loads(CoreTiming& core, std::span<const Instruction> program, std::span<const Ps> entered) {
  const auto independent = [](const Instruction& i) { return i.kind == Kind::load && i.depends_on == 0; };
  const auto ahead = std::find_if_not(program.begin(), program.end(), independent) - program.begin();
  Ps until = 0;
  const std::uint32_t count = core.free_run(static_cast<std::uint32_t>(ahead), until);
  std::vector<Ps> done;
  for (std::uint32_t left = count; left != 0;) {
    const std::uint32_t some = core.enter_some(left);
    left -= some;
    EXPECT_LE(core.now(), until);
    for (std::uint32_t i = 0; i < some; ++i) {
      EXPECT_EQ(core.now(), entered[done.size()]);
      done.push_back(core.now() + program[done.size()].latency);
    }
  }
  for (std::size_t first = 0, last = 0; first < count; first = last) {
    while (last < count && done[last] == done[first]) ++last;
    core.loads_done(static_cast<std::uint32_t>(last - first), done[first]);
  }
  return count;
}

TEST(CoreTiming, AgreesWithARunInstructionByInstruction) {
  std::mt19937_64 random(1);
  std::size_t in_runs = 0;
  const auto upto = [&](std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(1, most)(random); };
  for (int round = 0; round < 300; ++round) {
    const CoreConfig config{.issue_width = static_cast<std::uint32_t>(upto(6)),
                            .window = static_cast<std::uint32_t>(upto(64)),
                            .outstanding_loads = static_cast<std::uint32_t>(upto(20)),
                            .store_buffer = static_cast<std::uint32_t>(upto(12))};
    const bool runs = round % 3 == 0;
    const std::uint64_t rarity = runs ? 1 : upto(30);
    const std::uint64_t variety = runs ? 20 : 3;
    const Ps latency_unit = round % 2 == 0 ? kCycle : 1;
    std::vector<Instruction> program;
    for (int i = 0; i < 1000; ++i) {
      Instruction instruction;
      if (upto(rarity) == 1) {
        instruction.kind = upto(variety) == 1 ? Kind::store : Kind::load;
        instruction.latency = upto(upto(10) == 1 ? 300'000 / latency_unit : 5'000 / latency_unit) * latency_unit;
        if (upto(variety + 1) == 1) instruction.depends_on = static_cast<unsigned>(upto(6));
      }
      program.push_back(instruction);
    }
    program.push_back({.kind = Kind::load, .latency = kCycle});
    const Moments expected = by_instruction(program, config);

    CoreTiming core(config, kCycle);
    std::uint64_t count = 0;
    std::size_t access = 0;
    for (std::size_t i = 0; i < program.size(); ++i) {
      if (runs && count == 0) {
        const std::span<const Instruction> rest = std::span(program).subspan(i);
        const std::size_t taken = run_of_loads(core, rest, std::span(expected.entered).subspan(i));
        in_runs += taken;
        i += taken;
        access += taken;
        if (i == program.size()) break;
      }
      ++count;
      if (program[i].kind == Kind::plain) continue;
      const bool is_load = program[i].kind == Kind::load;
      const Ps issued = is_load ? load(core, count - 1, program[i].latency, program[i].depends_on)
                                : store(core, count - 1, program[i].latency, program[i].depends_on);
      ASSERT_EQ(core.now(), expected.entered[i]) << "round " << round << " instruction " << i;
      ASSERT_EQ(issued, expected.issued[access++]) << "round " << round << " instruction " << i;
      count = 0;
    }
    ASSERT_EQ(core.drained(), expected.drained) << "round " << round;
    if (config.issue_width == 1) {
      const CoreTiming::Stalls& stalls = core.stalls();
      ASSERT_EQ(core.now(), (program.size() - 1) * kCycle + stalls.window + stalls.load_queue + stalls.store_buffer)
          << "every wait is accounted for";
    }
  }
  EXPECT_GT(in_runs, 5'000u);
}

}  // namespace pagoda::core_timing_test
