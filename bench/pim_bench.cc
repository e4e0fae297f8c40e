// Host time of a page-table walk, made by the MMU's own walker through three caches and DRAM or in memory by command.
//
// pim_bench [PART]: walks per second of CPU time, one for each access to a random 4 KiB page of 4 GiB under x86-64
// tables of four levels, without a buffer of results; data come from a memory that answers after a fixed time. With PART, only the rows whose names
// contain it.
#include <ctime>
#include <random>

#include <fmt/format.h>
#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/interconnect/bus.h"
#include "pagoda/memory/cache.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/paging/page_table_editor.h"
#include "pagoda/pim/memory_walker.h"

namespace {

using namespace pagoda;

constexpr std::uint64_t kPages = 1 << 20;
constexpr std::uint64_t kWalks = 400'000;

DramConfig dram_config() {
  DramConfig config;
  config.organisation.mapping = "row:rank:bank:bankgroup:column:channel";
  return config;
}

struct Core : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Core> out{"out"};
  explicit Core(const sc_core::sc_module_name& name) : sc_module(name) {}
};

/// A core's MMU with all that its walks reach.
class Machine : public sc_core::sc_module {
 public:
  Machine(const sc_core::sc_module_name& name, const WalkerConfig& walker, MemoryWalkerKind kind, PhysicalMemory& bytes)
      : sc_module(name),
        mmu_("mmu", {.walker = walker, .clock = Frequency{4'000'000'000}}),
        dram_("dram", dram_config(), bytes),
        memory_walker_("walker", {.kind = kind, .buffer = std::nullopt}, dram_, bytes),
        data_("data", {}, bytes) {
    core_.out.bind(mmu_.data);
    mmu_.data_memory.bind(data_.port);
    mmu_.walk_memory.bind(l1_.cpu);
    l1_.memory.bind(l2_.cpu);
    l2_.memory.bind(llc_.cpu);
    llc_.memory.bind(bus_.in);
    if (walker.place != WalkerPlace::host) mmu_.memory_walks.bind(bus_.in);
    bus_.out.bind(dram_.port);
    bus_.map(0, bytes.size(), 0);
  }

  /// After elaboration: what it runs.
  void start(ByteStore& store) {
    Stage stage{.format = find_page_format("x86-64-4")};
    FrameSource& frames = memory_walker_.rows().frames(0);
    stage.root = *PageTableEditor::make_root(*stage.format, store, frames);
    PageTableEditor editor(stage, store, frames);
    for (Addr page = 0; page < kPages; ++page) {
      const EditStatus done = editor.map(
          page << 12, {.output = page << 12, .rights = Rights::read | Rights::write | Rights::user | kFlags});
      if (done != EditStatus::ok) fmt::print("cannot map: {}\n", to_string(done));
    }
    mmu_.set_context({{stage}, {.asid = 1}, false});
    below_.bind(*core_.out.operator->());
  }

  double walks_per_second() {
    double best = 0;
    now_ = kernel_now();
    for (int run = 0; run < 5; ++run) {
      const std::uint64_t before = mmu_.walks();
      const std::clock_t start = std::clock();
      for (std::uint64_t i = 0; i < kWalks; ++i) access();
      const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      best = std::max(best, static_cast<double>(mmu_.walks() - before) / seconds);
    }
    return best;
  }

 private:
  void access() {
    TimeSplit time;
    Fault fault;
    TimedRequest request{.address = (random_() % kPages) << 12,
                         .bytes = 8,
                         .info = {.privilege = Privilege::user},
                         .floor = kernel_now(),
                         .time = &time,
                         .fault = &fault};
    if (!below_.access(request, now_).ok()) fmt::print("refused\n");
    now_ += 300'000;
    if (now_ - kernel_now() > kMicrosecond) sc_core::sc_start(to_sc_time(now_ - kernel_now()));
  }

  Core core_{"core"};
  Mmu mmu_;
  Cache l1_{"l1", {.size = {32 << 10}, .ways = 8}};
  Cache l2_{"l2", {.size = {1 << 20}, .ways = 16}};
  Cache llc_{"llc", {.size = {8 << 20}, .ways = 16}};
  Bus bus_{"bus", {}};
  Dram dram_;
  MemoryWalker memory_walker_;
  FixedMemory data_;
  Downlink below_;
  std::mt19937_64 random_{1};
  Ps now_ = 0;
};

}  // namespace

int sc_main(int argc, char** argv) {
  struct Row {
    const char* name;
    WalkerConfig walker;
    MemoryWalkerKind kind = MemoryWalkerKind::array;
  };
  const Row rows[] = {{"host, with walk caches", {}},
                      {"host, without walk caches", {.walk_caches = {}}},
                      {"controller", {.place = WalkerPlace::memory}, MemoryWalkerKind::controller},
                      {"array", {.place = WalkerPlace::memory}},
                      {"hybrid", {.place = WalkerPlace::hybrid}}};
  const std::string part = argc > 1 ? argv[1] : "";
  std::vector<std::unique_ptr<PhysicalMemory>> bytes;
  std::vector<std::unique_ptr<Machine>> machines;
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    bytes.push_back(std::make_unique<PhysicalMemory>(Bytes{capacity_bytes(dram_config().organisation)}));
    machines.push_back(
        std::make_unique<Machine>(fmt::format("m{}", i).c_str(), rows[i].walker, rows[i].kind, *bytes.back()));
  }
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    if (std::string(rows[i].name).find(part) == std::string::npos) continue;
    MemoryStore store(*bytes[i]);
    machines[i]->start(store);
    fmt::print("{:<28} {:>6.2f} M walks/s\n", rows[i].name, machines[i]->walks_per_second() / 1e6);
  }
  return 0;
}
