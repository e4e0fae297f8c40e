// What spares the host work, streaks (mmu/streak.h) and lookahead (mmu/lookahead.h), against plain requests: the same
// program, with everything that can come in between, in two machines of which one gives its core neither. Every
// statistic and every time must be the same.
#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "pagoda/memory/cache.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/mmu/lookahead.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/mmu/streak.h"
#include "pagoda/paging/page_table_editor.h"
#include "pagoda/workload/core.h"
#include "support/bench.h"

namespace pagoda::shortcuts_test {

constexpr Addr kFirst = 0x10000;
constexpr unsigned kPages = 24;
constexpr Addr kOutput = 0x1000000;  // of small pages, added to the address; large ones lie where they are
constexpr std::size_t kRecords = 60'000;
constexpr std::size_t kRoamingRecords = 20'000;  // nearly every one is a miss
constexpr Ps kPeriod = 250;
constexpr Frequency kClock{4'000'000'000};
constexpr Ps kOffBeat = 7;  // when nothing else happens: which of two processes SystemC runs first is its own business

// Stays near the last access most of the time: in its line, across its end, across the page's end, elsewhere.
std::vector<Access> wandering_program(unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<Access> program(kRecords);
  Addr address = kFirst;
  for (Access& access : program) {
    const auto kind = random() % 16;
    address = kind == 0 ? kFirst + random() % (kPages * 4096 - 128) : address + random() % (kind < 8 ? 8 : 24);
    address = std::min<Addr>(address, kFirst + kPages * 4096 - 128);
    access.address = address;
    access.size = static_cast<std::uint16_t>(random() % 20 == 0 ? 1 + random() % 100 : 1 + random() % 8);
    access.gap = static_cast<std::uint32_t>(random() % 5 == 0 ? random() % 300 : random() % 4);
    access.kind = random() % 4 == 0 ? RecordKind::store : random() % 8 == 0 ? RecordKind::modify : RecordKind::load;
    if (random() % 8 == 0) set_dependence(access, random() % 5);
    access.same_instruction = access.gap == 0 && random() % 8 == 0;
  }
  return program;
}

// Loads word after word, most of the time.
std::vector<Access> streaming_program(unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<Access> program(kRecords);
  Addr address = kFirst;
  for (Access& access : program) {
    address += 8;
    if (random() % 100 == 0 || address > kFirst + kPages * 4096 - 128) address = kFirst + random() % 4096 * 8;
    access.address = address;
    access.size = random() % 40 == 0 ? 12 : 8;
    if (random() % 40 == 0) access.gap = static_cast<std::uint32_t>(random() % 8);
    if (random() % 40 == 0) access.kind = random() % 2 == 0 ? RecordKind::store : RecordKind::modify;
    if (random() % 40 == 0) set_dependence(access, random() % 5);
    access.same_instruction = access.gap == 0 && random() % 40 == 0;
  }
  return program;
}

// Where its pages lie, the first of each size, and how many there are.
struct Region {
  Addr first;
  unsigned shift;
  unsigned pages;
};
constexpr std::array kRegions{Region{kFirst, 12, kPages}, Region{Addr{1} << 31, 21, 40}, Region{Addr{1} << 33, 30, 3}};

// Goes from one page to the next, of any size.
std::vector<Access> roaming_program(unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<Access> program(kRoamingRecords);
  for (Access& access : program) {
    const Region& region = kRegions[random() % kRegions.size()];
    access.address = region.first + random() % ((std::uint64_t{region.pages} << region.shift) - 128);
    access.size = static_cast<std::uint16_t>(random() % 20 == 0 ? 1 + random() % 100 : 8);
    access.kind = random() % 4 == 0 ? RecordKind::store : RecordKind::load;
    if (random() % 8 == 0) set_dependence(access, random() % 5);
  }
  return program;
}

class ListedSource final : public AccessSource {
 public:
  explicit ListedSource(std::vector<Access> records) : records_(std::move(records)) {}
  std::size_t fill(std::span<Access> out) override {
    const std::size_t count = std::min(out.size(), records_.size() - next_);
    std::copy_n(records_.begin() + static_cast<std::ptrdiff_t>(next_), count, out.begin());
    next_ += count;
    return count;
  }
  void rewind() override { next_ = 0; }

 private:
  std::vector<Access> records_;
  std::size_t next_ = 0;
};

// Between core and MMU: passes on requests and, if it is to, what spares some.
class Gate final : public Module, public TimedTarget, public StreakSource {
 public:
  TargetSocket<Gate> in{"in"};
  tlm_utils::simple_initiator_socket<Gate> out{"out"};
  std::uint64_t requests = 0;
  std::uint64_t foretold = 0;

  Gate(const sc_core::sc_module_name& name, bool gives_shortcuts) : Module(name), gives_shortcuts_(gives_shortcuts) {
    in.serve(this, &Gate::b_transport, &Gate::debug);
    in.serve_timed(this);
  }
  TimedAnswer access(TimedRequest& request, Ps at) override {
    ++requests;
    return below_.access(request, at);
  }
  TimedTarget* forewarned() override { return gives_shortcuts_ ? this : nullptr; }
  void expect(Addr address) override {
    ++foretold;
    below_.expect(address);
  }
  void begin_streak(Addr address, Privilege privilege, Streak& streak) override {
    if (gives_shortcuts_) source().begin_streak(address, privilege, streak);
  }
  Ps join_walk(Ps ready, Ps at, TimeSplit& time) override { return source().join_walk(ready, at, time); }
  Fault memory_fault(Addr address, Addr physical, AccessKind access, Privilege privilege) const override {
    return source().memory_fault(address, physical, access, privilege);
  }

 private:
  StreakSource& source() const { return dynamic_cast<StreakSource&>(*below_.timed_target()); }
  void end_of_elaboration() override { below_.bind(*out.operator->()); }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) { out->b_transport(payload, delay); }
  unsigned debug(tlm::tlm_generic_payload& payload) { return out->transport_dbg(payload); }

  bool gives_shortcuts_;
  Downlink below_;
};

// Resolves nothing; a program that meets a fault is a mistake, or ends.
struct NoFaults : FaultHandler {
  Outcome handle_fault(Processor& /*processor*/, const Fault& fault, Ps at) override {
    seen = fault;
    seen_at = at;
    return {.resolved = ends, .resume = at, .ends = ends};
  }
  bool ends = false;
  Fault seen;
  Ps seen_at = 0;
};

struct MachineConfig {
  TlbConfig dtlb{.entries = 8, .ways = 2, .latency = Latency::cycles(1), .ports = 2};
  CacheConfig cache{.size = {2048}, .ways = 4, .ports = 1, .mshrs = 2, .write_buffer = 1};
  Bytes memory{std::uint64_t{1} << 34};
};

struct Machine : sc_core::sc_module {
  Machine(const sc_core::sc_module_name& name, const MachineConfig& config, std::vector<Access> program,
          bool gives_shortcuts)
      : sc_module(name),
        bytes({config.memory}),
        core("core", {.window = 64, .outstanding_loads = 16, .store_buffer = 8, .fetch = false}, kPeriod, 0),
        gate("gate", gives_shortcuts),
        mmu("mmu", {.dtlb = config.dtlb, .stlb = TlbConfig{.entries = 16, .ways = 4}, .clock = kClock}),
        cache("cache", config.cache),
        outer("outer", {.size = {std::uint64_t{4} << 20}, .ways = 8}),
        other("other"),
        memory("memory", {}, bytes) {
    SC_HAS_PROCESS(Machine);
    SC_THREAD(disturb);
    core.data.bind(gate.in);
    gate.out.bind(mmu.data);
    mmu.data_memory.bind(cache.cpu);
    other.out.bind(cache.cpu);
    cache.memory.bind(outer.cpu);
    outer.memory.bind(memory.port);
    PageTableEditor editor(stage, store, frames);
    for (const Region& region : kRegions) {
      for (unsigned page = 0; page < region.pages; ++page) {
        const Addr address = region.first + (Addr{page} << region.shift);
        EXPECT_EQ(editor.map(address, {.output = region.shift == 12 ? kOutput + address : address,
                                       .page_shift = static_cast<std::uint8_t>(region.shift),
                                       .rights = Rights::read | Rights::write | Rights::user,
                                       .memory_type = page % 8 == 7 ? MemoryType::uncached : MemoryType::write_back}),
                  EditStatus::ok);
      }
    }
    mmu.set_context({.stages = {stage}, .tag = {}, .allow_user_data = false});
    core.run(std::make_unique<ListedSource>(std::move(program)), mmu, handler);
    core.on_finish([this] { finished = true; });
  }

  // What else goes on: translations are dropped, registers written, the cache is used by others, the core interrupted.
  void disturb() {
    std::mt19937_64 random(5);
    while (!finished) {
      const Ps at = (kernel_now() + random() % 4'000'000) / kPeriod * kPeriod + kOffBeat;
      wait(delay_until(std::max(at, kernel_now() + 1)));
      const Addr page = kFirst + random() % kPages * 4096;
      switch (random() % 5) {
        case 0: mmu.invalidate({.address = page}, kernel_now()); break;
        case 1: mmu.invalidate({}, kernel_now()); break;
        case 2: mmu.set_context(mmu.context()); break;
        case 3: core.interrupt(kernel_now() + random() % 1'000'000, 20'000); break;
        default:
          other.ask({.address = kOutput + page + random() % 4000,
                     .kind = random() % 2 == 0 ? AccessKind::read : AccessKind::write,
                     .at = kernel_now()});
      }
    }
  }

  std::string statistics() {
    StatNode root;
    StatReader reader(root);
    visit_stats_below(*this, reader);
    return stats_json(root.children.front());  // without its name
  }

  bool finished = false;
  PhysicalMemory bytes;
  MemoryStore store{bytes};
  BumpFrames frames{0x100000, 0x200000};
  Stage stage{.format = find_page_format("x86-64-4"),
              .root = *PageTableEditor::make_root(*find_page_format("x86-64-4"), store, frames)};
  NoFaults handler;
  Core core;
  Gate gate;
  Mmu mmu;
  Cache cache;
  Cache outer;
  testing::Initiator other;
  FixedMemory memory;
};

struct Case {
  const char* name;
  MachineConfig config;
  Ps quantum;
};
void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }

class Shortcuts : public ::testing::TestWithParam<Case> {
 protected:
  // Runs programs in machines with shortcuts and without, and hands both of each to `compare`.
  static void run(std::vector<Access> (*program)(unsigned seed),
                  const std::function<void(Machine&, Machine&)>& compare) {
    tlm::tlm_global_quantum::instance().set(to_sc_time(GetParam().quantum));
    std::vector<std::unique_ptr<Machine>> machines;
    for (const unsigned seed : {1u, 2u, 3u}) {
      for (const bool shortcuts : {true, false}) {
        const std::string name = fmt::format("{}{}", shortcuts ? "with" : "without", seed);
        machines.push_back(std::make_unique<Machine>(name.c_str(), GetParam().config, program(seed), shortcuts));
      }
    }
    sc_core::sc_start();
    for (std::size_t i = 0; i < machines.size(); i += 2) {
      Machine& with = *machines[i];
      Machine& without = *machines[i + 1];
      for (Machine* machine : {&with, &without}) {
        machine->core.rethrow_failure();
        EXPECT_EQ(machine->core.accesses(), machine->core.measured_accesses());
        EXPECT_EQ(machine->core.summed_latency(), machine->core.accounted_time());
      }
      EXPECT_EQ(with.core.end_time(), without.core.end_time());
      EXPECT_EQ(with.statistics(), without.statistics());
      compare(with, without);
    }
  }
};

TEST_P(Shortcuts, StreaksTakeTheTimeThatRequestsTake) {
  run(wandering_program, [](const Machine& with, const Machine& without) {
    if (GetParam().config.cache.prefetch.kind != PrefetchKind::none) {
      EXPECT_EQ(with.gate.requests, without.gate.requests) << "every hit is seen by the prefetcher";
    } else {
      EXPECT_LT(with.gate.requests, without.gate.requests * 9 / 10);
    }
  });
}

TEST_P(Shortcuts, RunsOfLoadsTakeTheTimeThatRequestsTake) {
  run(streaming_program, [](const Machine& with, const Machine& without) {
    if (GetParam().config.cache.prefetch.kind != PrefetchKind::none) return;
    EXPECT_LT(with.gate.requests, without.gate.requests * 3 / 4);
  });
}

TEST_P(Shortcuts, WhatIsForetoldChangesNothing) {
  run(roaming_program, [](const Machine& with, const Machine& without) {
    EXPECT_GT(with.gate.foretold, kRoamingRecords * 9 / 10);
    EXPECT_EQ(without.gate.foretold, 0u);
  });
}

// Memory ends within a page: a streak comes upon it as a request of its own does.
TEST(Refusals, AreMetAndExplainedAlike) {
  constexpr Addr kPage = (Addr{1} << 33) + (Addr{1} << 30);
  constexpr Addr kEnd = kPage + 4096;
  std::vector<Access> program(1024);
  for (std::size_t i = 0; i < program.size(); ++i) program[i].address = kPage + i * 8;
  Machine with("with", {.memory = {kEnd}}, program, true);
  Machine without("without", {.memory = {kEnd}}, program, false);
  with.handler.ends = without.handler.ends = true;
  sc_core::sc_start();
  for (const Machine* machine : {&with, &without}) {
    const Fault& fault = machine->handler.seen;
    EXPECT_EQ(fault.cause, FaultCause::access_error);
    EXPECT_EQ(fault.stage, 1u);
    EXPECT_EQ(fault.virtual_address, kEnd);
    EXPECT_EQ(fault.stage_address, kEnd);
    EXPECT_EQ(fault.access, AccessKind::read);
    EXPECT_EQ(fault.privilege, Privilege::user);
  }
  EXPECT_EQ(with.handler.seen_at, without.handler.seen_at);
  EXPECT_EQ(with.statistics(), without.statistics());
  EXPECT_LT(with.gate.requests, without.gate.requests / 4);
}

INSTANTIATE_TEST_SUITE_P(
    Machines, Shortcuts,
    ::testing::Values(
        Case{"small", {}, 1'000'000}, Case{"no_quantum", {}, 0}, Case{"long_quantum", {}, 50'000'000},
        Case{"srrip",
             {.cache = {.size = {4096}, .ways = 8, .replacement = Replacement::srrip, .ports = 2, .mshrs = 4}},
             1'000'000},
        Case{"plru", {.cache = {.size = {4096}, .ways = 8, .replacement = Replacement::plru}}, 1'000'000},
        Case{"wide_lines", {.cache = {.size = {16384}, .ways = 2, .line = {4096}}}, 1'000'000},
        Case{"narrow_lines", {.cache = {.size = {1024}, .ways = 2, .line = {16}}}, 1'000'000},
        Case{"no_limits",
             {.dtlb = {.entries = 4, .ways = 4, .ports = 0}, .cache = {.ports = 0, .mshrs = 0, .write_buffer = 0}},
             1'000'000},
        Case{"one_clock", {.cache = {.size = {2048}, .ways = 4, .ports = 2, .mshrs = 4, .clock = kClock}}, 1'000'000},
        Case{"one_clock_scarce_ports",
             {.dtlb = {.entries = 8, .ways = 2, .latency = Latency::cycles(3), .ports = 3},
              .cache = {.size = {2048}, .ways = 4, .ports = 1, .clock = kClock}},
             1'000'000},
        Case{"one_clock_many_ports",
             {.dtlb = {.entries = 8, .ways = 2, .latency = Latency::cycles(0), .ports = 1},
              .cache = {.size = {2048}, .ways = 4, .ports = 4, .clock = kClock}},
             1'000'000},
        Case{"out_of_step",
             {.dtlb = {.entries = 8, .ways = 2, .latency = Latency::time(330), .ports = 2},
              .cache = {.size = {2048}, .ways = 4, .ports = 2, .clock = kClock}},
             1'000'000},
        Case{"prefetching",
             {.cache = {.size = {4096}, .ways = 4, .prefetch = {.kind = PrefetchKind::next_line}}},
             1'000'000}),
    [](const auto& param) { return std::string(param.param.name); });

}  // namespace pagoda::shortcuts_test
