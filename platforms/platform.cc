#include "platforms/platform.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

using HostClock = std::chrono::steady_clock;

constexpr auto kProgressInterval = std::chrono::milliseconds(100);

std::uint64_t total_bytes(const std::vector<MemoryConfig>& memories) {
  return std::accumulate(memories.begin(), memories.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const MemoryConfig& m) { return sum + m.bytes(); });
}

void default_clock(std::optional<CacheConfig>& cache, Frequency clock) {
  if (cache && !cache->clock) cache->clock = clock;
}

// In a machine that migrates, where its devices work.
std::vector<FrameRange> memory_of_devices(const PlatformConfig& config) {
  std::vector<FrameRange> ranges;
  if (!config.migration || config.migration->unit != MigrationUnit::machine) return ranges;
  for (const DeviceConfig& device : config.io.devices) {
    const Addr begin = device.traffic.base, end = begin + device.working_bytes();
    ranges.push_back({begin & ~low_mask(kPageShift), (end + low_mask(kPageShift)) & ~low_mask(kPageShift)});
  }
  return ranges;
}

// Groups in which nothing was counted (recorders, pure wiring) say nothing to the reader.
void drop_empty_groups(StatNode& node) {
  for (StatNode& child : node.children) drop_empty_groups(child);
  std::erase_if(node.children, [](const StatNode& child) {
    return std::holds_alternative<std::monostate>(child.value) && child.children.empty();
  });
}

}  // namespace

PlatformConfig with_clocks(PlatformConfig config) {
  for (CpuConfig& cpu : config.cpus) {
    default_clock(cpu.l1i, cpu.clock);
    default_clock(cpu.l1d, cpu.clock);
    default_clock(cpu.l2, cpu.clock);
    if (!cpu.mmu.clock) cpu.mmu.clock = cpu.clock;
  }
  default_clock(config.llc, config.clock);
  if (!config.bus.clock) config.bus.clock = config.clock;
  if (!config.memory_bus.clock) config.memory_bus.clock = config.clock;
  return config;
}

Platform::Platform(const PlatformConfig& config)
    : config_(with_clocks(validated(config))), bytes_(Bytes{total_bytes(config.memory)}) {
  require_picoseconds();
  build_memory(config_);
  os_ = std::make_unique<Os>("os", config_.os, config_.hypervisors, bytes_, config_.seed,
                             walk_sites_ ? walk_sites_->placement() : TablePlacement{}, memory_of_devices(config_));
  if (config_.paging) {
    unsigned threads = 0;
    for (const CpuConfig& cpu : config_.cpus) threads += cpu.count * cpu.smt->threads;
    paging_ = std::make_unique<PagingRig>("paging", *config_.paging, threads, *os_, bytes_, *bus_, config_.seed);
  }
  build_cpus(config_);
  if (paging_) paging_->place_pages();
  if (walk_sites_) walk_sites_->connect(cpus_, llc_.get());
  build_io(config_);
  if (!migration_) return;
  migration_->finish(bus_->in);
  migration_->fill_memory(config_.seed);
}

Platform::~Platform() = default;

void Platform::build_memory(const PlatformConfig& config) {
  bus_ = std::make_unique<Bus>("bus", config.bus);
  Bus* last = bus_.get();
  if (config.llc) {
    llc_ = std::make_unique<Cache>("llc", *config.llc);
    memory_bus_ = std::make_unique<Bus>("memory_bus", config.memory_bus);
    bus_->out.bind(llc_->cpu);
    bus_->map(0, bytes_.size(), 0);
    llc_->memory.bind(memory_bus_->in);
    last = memory_bus_.get();
  }
  Addr base = 0;
  for (std::size_t i = 0; i < config.memory.size(); ++i) {
    const MemoryConfig& memory = config.memory[i];
    const std::string name = fmt::format("memory{}", i);
    if (memory.kind == MemoryKind::dram) {
      auto dram = std::make_unique<Dram>(name.c_str(), memory.dram, bytes_, base);
      last->out.bind(dram->port);
      if (memory.walker) {
        if (!walk_sites_) walk_sites_ = std::make_unique<WalkSites>("walks");
        walk_sites_->add(*memory.walker, *dram, bytes_);
      }
      drams_.push_back(std::move(dram));
    } else {
      auto fixed = std::make_unique<FixedMemory>(name.c_str(), memory.fixed, bytes_);
      last->out.bind(fixed->port);
      fixed_memories_.push_back(std::move(fixed));
    }
    last->map(base, memory.bytes(), static_cast<int>(i));
    base += memory.bytes();
  }
}

void Platform::build_cpus(const PlatformConfig& config) {
  Bus& memory = memory_bus_ ? *memory_bus_ : *bus_;
  unsigned hardware_threads = 0;
  for (const CpuConfig& group : config.cpus) {
    std::optional<Os::ProcessId> shared;
    std::size_t program = 0;
    for (std::uint32_t i = 0; i < group.count; ++i) {
      const auto number = static_cast<unsigned>(threads_.size());
      Cpu& cpu = *cpus_.emplace_back(
          std::make_unique<Cpu>(fmt::format("cpu{}", cpus_.size()).c_str(), group, number, hardware_threads));
      hardware_threads += group.smt ? group.smt->threads : 1;
      for (Core* thread : cpu.threads()) {
        if (!shared || !group.shared_memory) shared = os_->create_process();
        if (thread == &cpu) {
          cpu.connect(bus_->in, memory.in, tap_for(cpu, *shared));
          programs_.push_back({*shared, &cpu});
        }
        start_program(group, program++, *thread, cpu.unit(), *shared);
      }
    }
  }
}

// What is between a core and its first cache, if its process migrates, or the machine around it, or is paged.
WriteTap* Platform::tap_for(Cpu& cpu, Os::ProcessId process) {
  if (paging_) return &paging_->add_core(cpu);
  const bool machine = config_.migration && config_.migration->unit == MigrationUnit::machine;
  if (config_.migration && !migration_ && (machine || cpu.number() == config_.migration->cpu)) {
    migration_ = std::make_unique<MigrationRig>(*config_.migration, *os_,
                                                machine ? os_->outermost_machine() : Os::space_of(process), bytes_);
    migration_->on_begin([this] { begin_measuring(kernel_now()); });
    if (machine) migration_->add_range(0, config_.hypervisors.back().memory.count);
  }
  return migration_ && migration_->covers(process) ? &migration_->add_core(cpu) : nullptr;
}

void Platform::start_program(const CpuConfig& config, std::size_t program, Core& thread, Mmu& mmu,
                             Os::ProcessId process) {
  threads_.push_back(&thread);
  const WorkloadConfig& runs =
      config.workloads.empty() ? config.workload : config.workloads[program % config.workloads.size()];
  Workload& workload = workloads_.emplace_back(runs, config_.seed * 1'000'003 + thread.number());
  if (paging_ || config_.os.paging == Paging::premapped) {
    const auto map = [&](const PageRange& range) {
      paging_ ? paging_->add_range(process, range.begin, range.bytes) : os_->premap(process, range.begin, range.bytes);
    };
    const Footprint footprint = workload.source().footprint();
    std::ranges::for_each(footprint.data, map);
    if (config.core.fetch) std::ranges::for_each(footprint.code, map);
  }
  const bool migrates = migration_ && migration_->covers(process);
  if (migrates && !migration_->is_machine()) {
    const Footprint footprint = workload.source().footprint();
    for (const PageRange& range : footprint.data) migration_->add_range(range.begin, range.bytes);
    for (const PageRange& range : footprint.code) migration_->add_range(range.begin, range.bytes);
  }
  FaultHandler& usual = paging_ ? paging_->faults() : *os_;
  thread.run(workload.take(), mmu, migrates ? migration_->faults() : usual);
  os_->assign(thread, process);
  if (config_.warmup > 0) {
    ++warming_up_;
    thread.call_after(config_.warmup, [this, &thread] { finish_warm_up(thread.program_time()); });
  }
}

void Platform::build_io(const PlatformConfig& config) {
  if (config.io.devices.empty()) return;
  io_ = std::make_unique<IoComplex>("io", config.io, *os_, *bus_, programs_, migration_.get(), config.seed);
  if (config.warmup == 0) return;
  warming_up_ += static_cast<unsigned>(io_->devices());
  io_->call_after(config.warmup, [this] { finish_warm_up(io_->end_time()); });
}

// Of one core or device, at this time.
void Platform::finish_warm_up(Ps at) {
  measured_from_ = std::max(measured_from_, at);
  if (--warming_up_ > 0) return;
  begin_measuring(measured_from_);
}

void Platform::begin_measuring(Ps at) {
  measured_from_ = at;
  StatReset reset;
  visit_all_stats(reset);
  if (io_) io_->start_measuring(measured_from_);
  if (paging_) paging_->start_measuring(measured_from_);
}

void Platform::record(const std::string& vcd_path) { recorder_ = std::make_unique<VcdRecorder>(vcd_path); }

void Platform::run(const std::function<void(double)>& progress) {
  tlm::tlm_global_quantum::instance().set(to_sc_time(config_.quantum.ps));
  const std::size_t programs = threads_.size() + (io_ ? io_->devices() : 0);
  std::size_t running = programs;
  const auto finished = [&running] {
    if (--running == 0) sc_core::sc_pause();
  };
  for (Core* thread : threads_) thread->on_finish(finished);
  if (io_) io_->on_finish(finished);
  if (migration_) {
    ++running;  // which ends the run, whatever still runs
    migration_->migration().on_finish([&running] {
      running = 0;
      sc_core::sc_pause();
    });
  }
  // Simulated time goes forward in slices of about the interval at which progress is shown.
  sc_core::sc_time slice(10, sc_core::SC_US);
  while (running > 0 && sc_core::sc_get_status() != sc_core::SC_STOPPED) {
    const HostClock::time_point start = HostClock::now();
    sc_core::sc_start(slice);
    const auto took = HostClock::now() - start;
    if (took < kProgressInterval / 2) slice *= 2;
    if (took > kProgressInterval * 2) slice /= 2;
    if (!progress || running == 0) continue;
    if (migration_) {
      progress(migration_->migration().part_done());
      continue;
    }
    double done = io_ ? io_->progress() : 0;
    for (std::size_t i = 0; i < threads_.size(); ++i) done += workloads_[i].progress(threads_[i]->accesses());
    progress(done / static_cast<double>(programs));
  }
  // What programs have ordered last comes to its end.
  while (paging_ && paging_->busy() && sc_core::sc_get_status() != sc_core::SC_STOPPED) sc_core::sc_start(slice);
  for (const Core* thread : threads_) thread->rethrow_failure();
  if (io_) io_->rethrow_failure();
  if (paging_) paging_->rethrow_failure();
  if (migration_) migration_->rethrow_failure();
  if (warming_up_ > 0) {
    throw UserError(fmt::format("a program ended before its warm-up of {} accesses", config_.warmup));
  }
  for (const auto& dram : drams_) dram->finish(end_time());
  if (recorder_) recorder_->close();
  check_invariants();
}

Ps Platform::end_time() const {
  Ps end = 0;
  for (const Core* thread : threads_) end = std::max(end, thread->end_time());
  if (migration_) end = std::max(end, migration_->migration().end_time());
  return io_ ? std::max(end, io_->end_time()) : end;
}

std::uint64_t Platform::accesses() const {
  std::uint64_t sum = 0;
  for (const Core* thread : threads_) sum += thread->accesses();
  return io_ ? sum + io_->transfers() : sum;
}

StatNode Platform::stats() {
  StatNode root;
  StatNode& time = root.child("simulated_time_ns");
  time.unit = "ns";
  time.meaning = "simulated time, without warm-up";
  time.value = to_ns(end_time() - std::min(end_time(), measured_from_));
  StatReader reader(root);
  visit_all_stats(reader);
  drop_empty_groups(root);
  return root;
}

// The parts of every access add up to its latency; a part counted twice or lost would show here.
void Platform::check_invariants() {
  for (const Core* thread : threads_) {
    if (thread->accounted_time() != thread->summed_latency()) {
      throw InvariantError(fmt::format("{}: the parts of its access times add up to {} ps, its latencies to {} ps",
                                       thread->name(), thread->accounted_time(), thread->summed_latency()));
    }
  }
  if (io_) io_->check_invariants();
  if (paging_) paging_->check_invariants();
}

}  // namespace pagoda
