// Streaks (mmu/streak.h) against requests: the same program, with everything that can come in between, in two machines
// of which one gives its core no streaks. Every statistic and every time must be the same.
#include "pagoda/mmu/streak.h"

#include <algorithm>
#include <random>
#include <vector>

#include "pagoda/memory/cache.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/paging/page_table_editor.h"
#include "pagoda/workload/core.h"
#include "support/bench.h"

namespace pagoda::streak_test {

constexpr Addr kFirst = 0x10000;
constexpr unsigned kPages = 24;
constexpr std::size_t kRecords = 60'000;

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

// Between core and MMU: passes on requests and, if it is to, streaks.
class Gate final : public Module, public TimedTarget, public StreakSource {
 public:
  TargetSocket<Gate> in{"in"};
  tlm_utils::simple_initiator_socket<Gate> out{"out"};
  std::uint64_t requests = 0;

  Gate(const sc_core::sc_module_name& name, bool gives_streaks) : Module(name), gives_streaks_(gives_streaks) {
    in.serve(this, &Gate::b_transport, &Gate::debug);
    in.serve_timed(this);
  }
  TimedAnswer access(TimedRequest& request, Ps at) override {
    ++requests;
    return below_.access(request, at);
  }
  void begin_streak(Addr address, Privilege privilege, Streak& streak) const override {
    const auto* source = dynamic_cast<const StreakSource*>(below_.timed_target());
    if (gives_streaks_) source->begin_streak(address, privilege, streak);
  }

 private:
  void end_of_elaboration() override { below_.bind(*out.operator->()); }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) { out->b_transport(payload, delay); }
  unsigned debug(tlm::tlm_generic_payload& payload) { return out->transport_dbg(payload); }

  bool gives_streaks_;
  Downlink below_;
};

struct NoFaults : FaultHandler {
  Outcome handle_fault(Processor& /*processor*/, const Fault& /*fault*/, Ps /*at*/) override { return {}; }
};

struct MachineConfig {
  TlbConfig dtlb{.entries = 8, .ways = 2, .latency = Latency::cycles(1), .ports = 2};
  CacheConfig cache{.size = {2048}, .ways = 4, .ports = 1, .mshrs = 2, .write_buffer = 1};
};

struct Machine : sc_core::sc_module {
  Machine(const sc_core::sc_module_name& name, const MachineConfig& config, unsigned seed, bool gives_streaks)
      : sc_module(name),
        core("core", {.window = 64, .outstanding_loads = 16, .store_buffer = 8, .fetch = false}, 250, 0),
        gate("gate", gives_streaks),
        mmu("mmu", {.dtlb = config.dtlb, .clock = Frequency{4'000'000'000}}),
        cache("cache", config.cache),
        other("other"),
        memory("memory", {}, bytes) {
    SC_HAS_PROCESS(Machine);
    SC_THREAD(disturb);
    core.data.bind(gate.in);
    gate.out.bind(mmu.data);
    mmu.data_memory.bind(cache.cpu);
    other.out.bind(cache.cpu);
    cache.memory.bind(memory.port);
    PageTableEditor editor(stage, store, frames);
    for (unsigned page = 0; page < kPages; ++page) {
      const Addr address = kFirst + page * Addr{4096};
      EXPECT_EQ(editor.map(address, {.output = 0x1000000 + address,
                                     .rights = Rights::read | Rights::write | Rights::user,
                                     .memory_type = page % 8 == 7 ? MemoryType::uncached : MemoryType::write_back}),
                EditStatus::ok);
    }
    mmu.set_context({.stages = {stage}, .tag = {}, .allow_user_data = false});
    core.run(std::make_unique<ListedSource>(wandering_program(seed)), mmu, handler);
    core.on_finish([this] { finished = true; });
  }

  // What else goes on: translations are dropped, registers written, the cache is used by others, the core interrupted.
  void disturb() {
    std::mt19937_64 random(5);
    while (!finished) {
      wait(sc_core::sc_time(static_cast<double>(random() % 4'000'000 + 1), sc_core::SC_PS));
      const Addr page = kFirst + random() % kPages * 4096;
      switch (random() % 5) {
        case 0: mmu.invalidate({.address = page}, kernel_now()); break;
        case 1: mmu.invalidate({}, kernel_now()); break;
        case 2: mmu.set_context(mmu.context()); break;
        case 3: core.interrupt(kernel_now() + random() % 1'000'000, 20'000); break;
        default:
          other.ask({.address = 0x1000000 + page + random() % 4000,
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
  PhysicalMemory bytes{{std::uint64_t{1} << 26}};
  MemoryStore store{bytes};
  BumpFrames frames{0x100000, 0x200000};
  Stage stage{.format = find_page_format("x86-64-4"),
              .root = *PageTableEditor::make_root(*find_page_format("x86-64-4"), store, frames)};
  NoFaults handler;
  Core core;
  Gate gate;
  Mmu mmu;
  Cache cache;
  testing::Initiator other;
  FixedMemory memory;
};

struct Case {
  const char* name;
  MachineConfig config;
  Ps quantum;
};
void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }

class Streaks : public ::testing::TestWithParam<Case> {};

TEST_P(Streaks, TakeTheTimeThatRequestsTake) {
  tlm::tlm_global_quantum::instance().set(to_sc_time(GetParam().quantum));
  for (const unsigned seed : {1u, 2u, 3u}) {
    const std::string number = std::to_string(seed);
    new Machine(("with" + number).c_str(), GetParam().config, seed, true);
    new Machine(("without" + number).c_str(), GetParam().config, seed, false);
  }
  sc_core::sc_start();
  for (const auto* name : {"1", "2", "3"}) {
    auto* with = dynamic_cast<Machine*>(sc_core::sc_find_object((std::string("with") + name).c_str()));
    auto* without = dynamic_cast<Machine*>(sc_core::sc_find_object((std::string("without") + name).c_str()));
    for (Machine* machine : {with, without}) {
      machine->core.rethrow_failure();
      EXPECT_EQ(machine->core.summed_latency(), machine->core.accounted_time());
    }
    EXPECT_EQ(with->core.end_time(), without->core.end_time());
    EXPECT_EQ(with->statistics(), without->statistics());
    const bool prefetches = GetParam().config.cache.prefetch.kind != PrefetchKind::none;
    if (prefetches) {
      EXPECT_EQ(with->gate.requests, without->gate.requests) << "every hit is seen by the prefetcher";
    } else {
      EXPECT_LT(with->gate.requests, without->gate.requests * 9 / 10);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Machines, Streaks,
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
        Case{"prefetching",
             {.cache = {.size = {4096}, .ways = 4, .prefetch = {.kind = PrefetchKind::next_line}}},
             1'000'000}),
    [](const auto& param) { return std::string(param.param.name); });

}  // namespace pagoda::streak_test
