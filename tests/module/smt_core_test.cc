// Software threads on the hardware threads of a core: beside a core of today's, sharing slots, taking turns.
#include "pagoda/workload/smt_core.h"

#include <memory>
#include <set>

#include <gtest/gtest.h>
#include <tlm_utils/simple_target_socket.h>

#include "pagoda/base/error.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/workload/core.h"
#include "pagoda/workload/pattern.h"

namespace pagoda::smt_core_test {

constexpr Ps kCycle = 500;

// A memory in which some pages are missing.
struct PagedMemory : sc_core::sc_module {
  static constexpr Ps kLatency = 20'000;
  tlm_utils::simple_target_socket<PagedMemory> port{"port"};
  std::set<Addr> missing;

  explicit PagedMemory(const sc_core::sc_module_name& name) : sc_module(name) {
    port.register_b_transport(this, &PagedMemory::b_transport);
  }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const bool there = !missing.contains(payload.get_address() >> kPageShift);
    payload.set_response_status(there ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
    delay += to_sc_time(kLatency);
  }
};

// Brings a page by the means of the test.
struct Handler : FaultHandler {
  PagedMemory& memory;
  std::function<void(ThreadControl&, const Fault&)> bring;
  std::vector<Ps> began, ended;

  explicit Handler(PagedMemory& m) : memory(m) {}
  Outcome handle_fault(Processor& processor, const Fault& fault, Ps at) override {
    EXPECT_EQ(at, kernel_now()) << "a handler on a core with siblings runs when the fault happens";
    began.push_back(at);
    bring(*processor.control(), fault);
    memory.missing.clear();
    ended.push_back(kernel_now());
    return {.resolved = true, .resume = kernel_now()};
  }
};

PatternConfig loads(std::uint64_t count, std::uint32_t gap, Addr base) {
  return {.kind = PatternKind::sequential, .count = count, .base = base, .size = {4096}, .gap = gap};
}

// Several programs on one core.
struct Bench {
  CoreConfig core{.issue_width = 4, .window = 4096, .fetch = false};  // a window that no load fills
  Mmu mmu{"mmu", {}};
  PagedMemory memory{"memory"};
  Handler handler{memory};
  std::unique_ptr<SmtCore> smt;
  std::vector<std::unique_ptr<Core>> programs;

  explicit Bench(const SmtConfig& config) {
    mmu.data_memory.bind(memory.port);
    smt = std::make_unique<SmtCore>("smt", config, core, kCycle, 10);
    for (unsigned i = 0; i < smt->software_threads(); ++i) {
      auto& program = *programs.emplace_back(
          std::make_unique<Core>(sc_core::sc_gen_unique_name("program"), SmtCore::part_of(core, config), kCycle, i));
      program.data.bind(mmu.data);
      program.join(smt->thread(i));
    }
  }
  void run(std::vector<PatternConfig> patterns) {
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      programs[i]->run(make_pattern(patterns[i]), mmu, handler);
    }
    sc_core::sc_start();
    for (const auto& program : programs) program->rethrow_failure();
  }
};

double cycles(Ps time) { return static_cast<double>(time) / kCycle; }

TEST(SmtCore, OneThreadIsACoreOfItsOwn) {
  tlm::tlm_global_quantum::instance().set(sc_core::sc_time(200, sc_core::SC_NS));
  Bench bench({.threads = 1});
  Core plain("plain", bench.core, kCycle, 7);
  Mmu mmu("plain_mmu", {});
  PagedMemory memory("plain_memory");
  plain.data.bind(mmu.data);
  mmu.data_memory.bind(memory.port);
  PatternConfig mix{.kind = PatternKind::mix, .count = 30'000};
  mix.parts = {loads(0, 3, 0),
               {.kind = PatternKind::chase, .count = 0, .base = 0x100000, .size = {1 << 20}, .gap = 11},
               {.kind = PatternKind::random, .count = 0, .base = 0x300000, .size = {1 << 20}, .gap = 77}};
  plain.run(make_pattern(mix), mmu, bench.handler);
  bench.run({mix});
  EXPECT_EQ(bench.programs[0]->end_time(), plain.end_time());
  EXPECT_EQ(bench.programs[0]->summed_latency(), plain.summed_latency());
  StatNode one, other;
  StatReader one_reader(one), other_reader(other);
  bench.programs[0]->visit_stats(one_reader);
  plain.visit_stats(other_reader);
  EXPECT_EQ(stats_json(one), stats_json(other)) << "every figure";
}

TEST(SmtCore, EqualThreadsShareTheIssueWidth) {
  tlm::tlm_global_quantum::instance().set(sc_core::sc_time(1, sc_core::SC_US));
  Bench bench({.threads = 4});
  bench.run({loads(1'000, 99, 0), loads(1'000, 99, 0), loads(1'000, 99, 0), loads(1'000, 99, 0)});
  for (const auto& program : bench.programs) {
    EXPECT_NEAR(cycles(program->end_time()), 4 * 100'000 / 4.0 + 40, 60);
  }
}

struct Poll {
  bool lowered;
  std::uint32_t low;
  double share;  // of the sibling that computes, while the other polls
};

class PollingSibling : public ::testing::TestWithParam<Poll> {};

// One program faults at once and polls for a millisecond; the other computes.
TEST_P(PollingSibling, TakesSlotsUnlessItsPriorityIsLow) {
  tlm::tlm_global_quantum::instance().set(sc_core::sc_time(100, sc_core::SC_NS));
  constexpr Ps kWait = 1'000 * kMicrosecond;
  Bench bench({.threads = 2, .low = GetParam().low});
  bench.memory.missing = {0x100};
  std::uint64_t before = 0, after = 0;
  bench.handler.bring = [&](ThreadControl& thread, const Fault&) {
    before = bench.programs[1]->instructions();
    {
      const LoweredPriority low(GetParam().lowered ? &thread : nullptr);
      EXPECT_EQ(thread.priority_lowered(), GetParam().lowered);
      thread.poll_until(kernel_now() + kWait);
    }
    EXPECT_FALSE(thread.priority_lowered());
    after = bench.programs[1]->instructions();
  };
  bench.run({loads(1, 0, 0x100000), loads(100'000, 99, 0)});
  const Ps waited = bench.handler.ended.at(0) - bench.handler.began.at(0);
  EXPECT_NEAR(static_cast<double>(after - before) / (cycles(waited) * 4), GetParam().share, 0.001);
  // The loop that sees it begins when it can be seen: four slots at the poller's share.
  const double seen = cycles(waited - kWait);
  EXPECT_NEAR(seen, 4 / (4 * (1 - GetParam().share)), 4);
}

INSTANTIATE_TEST_SUITE_P(Levels, PollingSibling,
                         ::testing::Values(Poll{false, 1, 0.5}, Poll{true, 1, 63.0 / 64}, Poll{true, 2, 7.0 / 8},
                                           Poll{true, 3, 3.0 / 4}));

// Software that works takes slots as a poller does.
TEST(SmtCore, AHandlerSharesTheCore) {
  tlm::tlm_global_quantum::instance().set(sc_core::sc_time(100, sc_core::SC_NS));
  Bench bench({.threads = 2});
  bench.memory.missing = {0x100};
  std::uint64_t ran = 0;
  bench.handler.bring = [&](ThreadControl& thread, const Fault&) {
    const std::uint64_t before = bench.programs[1]->instructions();
    thread.work(100 * kMicrosecond);
    ran = bench.programs[1]->instructions() - before;
  };
  bench.run({loads(1, 0, 0x100000), loads(100'000, 99, 0)});
  EXPECT_EQ(bench.handler.ended.at(0) - bench.handler.began.at(0), 100 * kMicrosecond);
  EXPECT_NEAR(static_cast<double>(ran), cycles(100 * kMicrosecond) * 4 / 2, 1'000);
  EXPECT_EQ(bench.smt->context_switches(), 0u);
}

// An interrupt that comes while a thread waits for its page is taken when the program goes on, once.
TEST(SmtCore, AnInterruptInTheMiddleOfAFaultComesAfterIt) {
  tlm::tlm_global_quantum::instance().set(sc_core::sc_time(100, sc_core::SC_NS));
  constexpr Ps kHandling = 5 * kMicrosecond;
  Bench bench({.threads = 2});
  bench.memory.missing = {0x100};
  bench.handler.bring = [&](ThreadControl& thread, const Fault&) {
    bench.programs[0]->interrupt(kernel_now() + 2 * kMicrosecond, kHandling);
    thread.work(10 * kMicrosecond);
  };
  bench.run({loads(2, 0, 0x100000), loads(10, 0, 0)});
  EXPECT_EQ(bench.handler.ended.at(0) - bench.handler.began.at(0), 10 * kMicrosecond);
  EXPECT_NEAR(cycles(bench.programs[0]->end_time()),
              cycles(bench.handler.ended.at(0) + kHandling + PagedMemory::kLatency), 2);
}

TEST(SmtCore, AThreadThatGoesOnWithItsPriorityLoweredIsAnError) {
  Bench bench({.threads = 2});
  bench.memory.missing = {0x100};
  bench.handler.bring = [](ThreadControl& thread, const Fault&) { thread.lower_priority(); };
  EXPECT_THROW(bench.run({loads(1, 0, 0x100000), loads(10, 0, 0)}), InvariantError);
}

// Two programs on one hardware thread. The first sleeps after its fault; the second runs meanwhile, after a switch; the
// first goes on when the second has ended, after another.
TEST(SmtCore, AThreadThatSleepsGivesItsPlaceToTheNext) {
  tlm::tlm_global_quantum::instance().set(sc_core::sc_time(100, sc_core::SC_NS));
  constexpr Ps kSwitch = 3 * kMicrosecond;
  Bench bench({.threads = 1, .programs = 2, .context_switch = Duration{kSwitch}});
  bench.memory.missing = {0x100};
  sc_core::sc_event there;
  Ps slept = 0;
  bench.handler.bring = [&](ThreadControl& thread, const Fault&) {
    EXPECT_EQ(thread.hardware_thread(), 10u);
    slept = kernel_now();
    there.notify(sc_core::sc_time(10, sc_core::SC_US));
    thread.sleep(there);
  };
  bench.run({loads(1, 0, 0x100000), loads(1'000, 99, 0)});
  const Ps second_begins = slept + kSwitch;
  const Ps second_ends = bench.programs[1]->end_time();
  EXPECT_NEAR(cycles(second_ends - second_begins), 100'000 / 4.0 + 40, 2) << "all slots were its own";
  EXPECT_EQ(bench.handler.ended.at(0), second_ends + kSwitch);
  EXPECT_EQ(bench.programs[0]->end_time(), second_ends + kSwitch + PagedMemory::kLatency);
  EXPECT_EQ(bench.smt->context_switches(), 2u);
}

// With a hardware thread to spare nobody waits for one, and going to sleep and back is still a switch.
TEST(SmtCore, AThreadThatSleepsWithoutOthersComesBackAtOnce) {
  tlm::tlm_global_quantum::instance().set(sc_core::sc_time(100, sc_core::SC_NS));
  Bench bench({.threads = 2});
  bench.memory.missing = {0x100};
  sc_core::sc_event there;
  bench.handler.bring = [&](ThreadControl& thread, const Fault&) {
    there.notify(sc_core::sc_time(10, sc_core::SC_US));
    thread.sleep(there);
  };
  bench.run({loads(1, 0, 0x100000), loads(1'000, 99, 0)});
  const Ps took = bench.handler.ended.at(0) - bench.handler.began.at(0);
  EXPECT_EQ(took, 10 * kMicrosecond + SmtConfig{}.context_switch.ps);
  EXPECT_NEAR(cycles(bench.programs[1]->end_time()), 25'000 + 40 + cycles(SmtConfig{}.context_switch.ps) / 2, 10)
      << "the sibling has all slots while it sleeps, and half while it is switched to";
}

TEST(SmtCore, BuffersAreDividedBetweenHardwareThreads) {
  const CoreConfig core{.window = 224, .outstanding_loads = 72, .store_buffer = 5};
  const CoreConfig part = SmtCore::part_of(core, {.threads = 8});
  EXPECT_EQ(part.window, 28u);
  EXPECT_EQ(part.outstanding_loads, 9u);
  EXPECT_EQ(part.store_buffer, 1u);
  EXPECT_EQ(part.issue_width, core.issue_width);
}

}  // namespace pagoda::smt_core_test
