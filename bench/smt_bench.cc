// Host time of cores with several hardware threads, and of paging by them.
//
// smt_bench [PART]: per second of CPU time, without setting up. Rows `threads ...`: accesses of that many programs on one
// core, each to random lines of 1 MiB, beside a core without hardware threads (`plain`). Rows `paging ...`: page faults
// of four programs whose common 16 MiB lie in 4 MiB of frames, half of the accesses stores, over a coherent link, and with
// a mover that only waits. Memory answers after a fixed time; there are no caches. With PART, only the rows whose names
// contain it. Each row is a process of its own, as a SystemC kernel runs once.
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "pagoda/devices/capi_adapter.h"
#include "pagoda/interconnect/io_link.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/software/capi_volume.h"
#include "pagoda/software/pager.h"
#include "pagoda/workload/core.h"
#include "pagoda/workload/pattern.h"
#include "pagoda/workload/smt_core.h"

namespace {

using namespace pagoda;

constexpr Addr kBase = 0x1000'0000;
constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kAccesses = 2'000'000;
constexpr Ps kPeriod = 500;

/// Nothing faults.
struct NoFaults final : FaultHandler {
  Outcome handle_fault(Processor& /*processor*/, const Fault& /*fault*/, Ps at) override { return {false, at}; }
};

/// Moves bytes within the time that a fast device takes, any number of pages at a time.
class WaitingMover final : public PageMover {
 public:
  WaitingMover(PhysicalMemory& memory, std::uint64_t pages) : memory_(memory), contents_({pages * kPage}) {}

  Submission submit(const MoveOrder& order, Ps at, MoveClient& client) override {
    const bool out = order.direction == MoveDirection::out;
    unsigned char* const stored = contents_.data(order.page * kPage);
    unsigned char* const frame = memory_.data(order.address);
    std::memcpy(out ? stored : frame, out ? frame : stored, kPage);
    MoveResult result{.order = order, .submitted = at, .done = at + 15 * kMicrosecond};
    result.time.media = 15 * kMicrosecond;
    client.moved(result);
    return {.accepted = true, .until = at};
  }
  std::uint32_t room(Ps /*at*/) const override { return 64; }

 private:
  PhysicalMemory& memory_;
  PhysicalMemory contents_;
};

/// A core, its memory, and programs on it.
class Machine {
 public:
  /// No threads: a core without hardware threads.
  explicit Machine(std::uint32_t threads) {
    tlm::tlm_global_quantum::instance().set(to_sc_time(kMicrosecond));
    mmu_.data_memory.bind(memory_.port);
    const CoreConfig core{.fetch = false};
    const SmtConfig smt{.threads = threads};
    if (threads > 0) smt_ = std::make_unique<SmtCore>("smt", smt, core, kPeriod, 0);
    for (std::uint32_t i = 0; i < std::max(threads, 1u); ++i) {
      Core& program = *programs_.emplace_back(std::make_unique<Core>(
          fmt::format("program{}", i).c_str(), threads > 0 ? SmtCore::part_of(core, smt) : core, kPeriod, i));
      program.data.bind(mmu_.data);
      if (threads > 0) program.join(smt_->thread(i));
    }
  }
  void run(std::size_t program, const PatternConfig& pattern, FaultHandler& handler) {
    programs_[program]->run(make_pattern(pattern), mmu_, handler);
  }
  /// Seconds of CPU time.
  double simulate() {
    const std::clock_t start = std::clock();
    sc_core::sc_start();
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    for (const auto& program : programs_) program->rethrow_failure();
    return seconds;
  }

  std::size_t programs() const { return programs_.size(); }
  Core& program(std::size_t number) { return *programs_[number]; }
  PhysicalMemory& bytes() { return bytes_; }
  FixedMemory& memory() { return memory_; }

 private:
  PhysicalMemory bytes_{{std::uint64_t{512} << 20}};
  FixedMemory memory_{"memory", {.latency = Latency::time(80 * kNanosecond)}, bytes_};
  Mmu mmu_{"mmu", {}};
  std::unique_ptr<SmtCore> smt_;
  std::vector<std::unique_ptr<Core>> programs_;
};

void run_threads(const std::string& name, std::uint32_t threads) {
  Machine machine(threads);
  NoFaults handler;
  const std::uint64_t count = kAccesses / machine.programs();
  for (std::size_t i = 0; i < machine.programs(); ++i) {
    machine.run(i, {.kind = PatternKind::random, .seed = i, .count = count, .base = kBase, .size = {1 << 20}, .gap = 4},
                handler);
  }
  fmt::print("{:<24} {:>8.2f} M accesses/s\n", name, static_cast<double>(kAccesses) / machine.simulate() / 1e6);
}

/// Over `movers`, one for each thread.
void run_paging(const std::string& name, Machine& machine, Os& os, const std::vector<PageMover*>& movers) {
  constexpr std::uint64_t kPages = 4096;
  constexpr std::uint64_t kFrames = 1024;
  constexpr std::uint64_t kFaulting = 400'000;  // accesses
  VolumeSpace space(4 * kPages);
  Pager pager("pager", {}, os, machine.bytes(), 1);
  pager.set_volume(space, movers, {.exclusive = true, .threads = static_cast<unsigned>(movers.size())});
  const Os::ProcessId process = os.create_process();
  for (std::uint64_t i = 0; i < kFrames; ++i) pager.add_frame(*os.frames().allocate(kPage));
  const std::vector<unsigned char> zeros(kPage);
  for (std::uint64_t i = 0; i < kPages; ++i) {
    const PageId page{static_cast<std::uint32_t>(process), kBase + i * kPage};
    if (const auto placed = pager.place(page, true)) pager.begin_with(page, *placed, zeros);
  }
  for (std::size_t i = 0; i < machine.programs(); ++i) {
    machine.run(i,
                {.kind = PatternKind::random,
                 .seed = i,
                 .count = kFaulting / machine.programs(),
                 .base = kBase,
                 .size = {kPages * kPage},
                 .gap = 4,
                 .write_ratio = 0.5},
                pager);
    os.assign(machine.program(i), process);
  }
  const double seconds = machine.simulate();
  pager.rethrow_failure();
  fmt::print("{:<24} {:>8.2f} k faults/s\n", name, static_cast<double>(pager.faults()) / seconds / 1e3);
}

void run_waiting(const std::string& name) {
  Machine machine(4);
  Os os("os", {.flags = FlagSetting::hardware}, {}, machine.bytes(), 1);
  WaitingMover mover(machine.bytes(), 16'384);
  run_paging(name, machine, os, std::vector<PageMover*>(4, &mover));
}

void run_link(const std::string& name) {
  Machine machine(4);
  Os os("os", {.flags = FlagSetting::hardware}, {}, machine.bytes(), 1);
  IoLink link("link", capi1_link());
  CapiAdapterConfig config;
  config.medium.capacity = {std::uint64_t{64} << 20};
  CapiAdapter adapter("adapter", config);
  CapiVolume volume("volume", {}, adapter, machine.bytes(), os.frames());
  adapter.memory.bind(link.from_device);
  link.to_device.bind(adapter.control);
  link.to_root.bind(machine.memory().port);
  volume.registers.bind(link.from_root);
  std::vector<PageMover*> contexts;
  for (int i = 0; i < 4; ++i) contexts.push_back(volume.open());
  run_paging(name, machine, os, contexts);
}

/// False if it did not end well.
bool in_a_process(const std::function<void()>& row) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    row();
    std::fflush(stdout);
    _exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

int sc_main(int argc, char** argv) {
  struct Row {
    std::string name;
    std::function<void(const std::string&)> run;
  };
  std::vector<Row> rows{{"plain", [](const std::string& name) { run_threads(name, 0); }}};
  for (const std::uint32_t threads : {1u, 2u, 4u, 8u}) {
    rows.push_back(
        {fmt::format("threads {}", threads), [threads](const std::string& name) { run_threads(name, threads); }});
  }
  rows.push_back({"paging, waiting", run_waiting});
  rows.push_back({"paging, coherent link", run_link});
  const std::string part = argc > 1 ? argv[1] : "";
  bool well = true;
  for (const Row& row : rows) {
    if (row.name.find(part) == std::string::npos) continue;
    well = in_a_process([&row] { row.run(row.name); }) && well;
  }
  return well ? 0 : 1;
}
