#include "platforms/platform_config.h"

#include <algorithm>

#include <fmt/format.h>

#include "pagoda/base/config_builder.h"
#include "pagoda/paging/walk.h"

namespace pagoda {
namespace {

// What the builder adds to a path of DramConfig's own problems.
std::optional<ConfigProblem> dram_problem(const MemoryConfig& config) {
  if (config.kind != MemoryKind::dram) return std::nullopt;
  const std::vector<DramProblem> problems = find_problems(config.dram);
  if (problems.empty()) return std::nullopt;
  const DramProblem& first = problems.front();
  return ConfigProblem{"dram", first.path + ": " + first.problem, "allowed: " + first.allowed};
}

std::optional<ConfigProblem> walker_problem(const MemoryConfig& config) {
  if (!config.walker) return std::nullopt;
  if (config.kind != MemoryKind::dram) {
    return ConfigProblem{"walker", "is part of a DRAM", "allowed: only with kind: dram"};
  }
  if (!find_problems(config.dram).empty()) return std::nullopt;  // dram_problem() says so
  const std::optional<ConfigProblem> problem = memory_walker_problem(*config.walker, config.dram);
  if (!problem) return std::nullopt;
  return ConfigProblem{"walker", problem->field + ": " + problem->problem, problem->allowed};
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const DramPreset& preset : dram_presets()) names.emplace_back(preset.name);
  return names;
}

// What the process that migrates needs, beside what its own configuration says.
// What a device of something that migrates has to be.
std::optional<ConfigProblem> migrating_device_problem(const PlatformConfig& config, const DeviceConfig& device) {
  const LiveMigrationConfig& migration = *config.migration;
  const bool machine = migration.unit == MigrationUnit::machine;
  const auto problem = [&device](const char* what, const char* allowed) {
    return ConfigProblem{"io", fmt::format("`{}` {}, and there is a migration", device.name, what), allowed};
  };
  if (!config.io.iommu || !device.dma.pasid || *device.dma.pasid == 0) {
    return problem(config.io.iommu ? "has no pasid" : "has no IOMMU", "allowed: an iommu, and dma.pasid from 1 on");
  }
  if (machine && device.shares_cpu) {
    return problem("shares a process", "allowed: no shares_cpu; addresses of its traffic are guest-physical");
  }
  if (machine && device.traffic.base + device.working_bytes() > config.hypervisors.back().memory.count) {
    return problem("works beyond the memory of its machine",
                   "allowed: traffic.base and traffic.size within the memory of the last of the hypervisors");
  }
  if (!machine && device.shares_cpu != migration.cpu) {
    return problem("does not share the process", "allowed: shares_cpu as migration.cpu");
  }
  if (migration.devices != DeviceTracking::log) return std::nullopt;
  if (device.dma.dirty_log && (device.dma.atc || migration.log.logging == DirtyLogging::write)) return std::nullopt;
  return problem("cannot log what it writes", "allowed: dma.dirty_log, with dma.atc or migration.log.logging: write");
}

std::optional<ConfigProblem> migration_problem(const PlatformConfig& config) {
  if (!config.migration) {
    for (const DeviceConfig& device : config.io.devices) {
      if (!device.receive_ring) continue;
      return ConfigProblem{"io", fmt::format("`{}` has a receive_ring, and nobody fills it", device.name),
                           "allowed: receive_ring with a migration, whose process is its driver"};
    }
    return std::nullopt;
  }
  const LiveMigrationConfig& migration = *config.migration;
  const bool machine = migration.unit == MigrationUnit::machine;
  std::uint32_t cores = 0;
  for (const CpuConfig& cpu : config.cpus) cores += cpu.count;
  if (migration.cpu >= cores) {
    return ConfigProblem{"migration", fmt::format("there is no core {}", migration.cpu),
                         "allowed: migration.cpu below the number of cores"};
  }
  if (config.hypervisors.empty() == machine) {
    return ConfigProblem{"migration.unit", machine ? "there is no machine" : "a process in a machine cannot move alone",
                         "allowed: unit: machine with hypervisors, unit: process without"};
  }
  if (machine && migration.processors == ProcessorTracking::dirty_flags &&
      config.hypervisors.back().flags != FlagSetting::hardware) {
    return ConfigProblem{"migration.processors", "dirty_flags, and nothing sets them in the tables of the machine",
                         "allowed: flags: hardware for the last of the hypervisors"};
  }
  const bool walks_in_memory = std::any_of(config.cpus.begin(), config.cpus.end(), [](const CpuConfig& cpu) {
    return cpu.mmu.walker.place != WalkerPlace::host;
  });
  if (machine && migration.manager.moves_first() && walks_in_memory) {
    return ConfigProblem{"migration", "moves a machine before its memory, whose tables are walked in memory",
                         "allowed: cpus.*.mmu.walker.place: host, or a mode without post-copy"};
  }
  const bool threads =
      std::any_of(config.cpus.begin(), config.cpus.end(), [](const CpuConfig& cpu) { return cpu.smt.has_value(); });
  if (config.io.sharing || config.io.control || config.os.churn || config.warmup > 0 || threads) {
    return ConfigProblem{"migration", "not beside io.sharing, io.control, os.churn, warmup or cpus.smt",
                         "allowed: none of these; migration.manager.start is its warm-up"};
  }
  if (migration.devices == DeviceTracking::iommu_flags && config.io.iommu &&
      !config.io.iommu->capabilities.flag_updates) {
    return ConfigProblem{"migration", "devices: iommu_flags, and the IOMMU sets no flags",
                         "allowed: io.iommu.capabilities.flag_updates: true"};
  }
  for (const DeviceConfig& device : config.io.devices) {
    if (auto problem = migrating_device_problem(config, device)) return problem;
  }
  return std::nullopt;
}

// What paging needs, beside what its own configuration says.
std::optional<ConfigProblem> paging_problem(const PlatformConfig& config) {
  if (!config.paging) return std::nullopt;
  if (!config.hypervisors.empty() || config.migration || config.os.churn) {
    return ConfigProblem{"paging", "not beside hypervisors, migration or os.churn", "allowed: none of these"};
  }
  if (config.os.flags != FlagSetting::hardware || config.os.page_size.count != kPageBytes) {
    return ConfigProblem{"paging", "needs accessed and dirty flags set by hardware, and pages of 4 KiB",
                         "allowed: os.flags: hardware, os.page_size: 4 KiB"};
  }
  for (const CpuConfig& cpu : config.cpus) {
    if (cpu.smt) continue;
    return ConfigProblem{"paging", "a core does not say how its hardware threads wait",
                         "allowed: cpus with smt, of one thread or more"};
  }
  for (const DeviceConfig& device : config.io.devices) {
    if (!device.shares_cpu) continue;
    return ConfigProblem{"paging", "`" + device.name + "` shares the pages of a program, which come and go",
                         "allowed: devices without shares_cpu"};
  }
  return std::nullopt;
}

}  // namespace

const ConfigInfo& WorkloadConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<WorkloadConfig>("workload", "What a core runs: a trace or a pattern.")
          .field("trace", &WorkloadConfig::trace,
                 "trace file; looked for beside the platform file, then among the shipped traces")
          .field("trace_format", &WorkloadConfig::trace_format, "its format")
          .field("pattern", &WorkloadConfig::pattern, "a synthetic pattern instead of a trace")
          .field("repeat", &WorkloadConfig::repeat, "times the trace is run", in_range(1, 1'000'000))
          .field("limit", &WorkloadConfig::limit, "records run; 0: all")
          .check([](const WorkloadConfig& c) -> std::optional<ConfigProblem> {
            if (c.trace.empty() || !c.pattern) return std::nullopt;
            return ConfigProblem{"pattern", "a workload is a trace or a pattern, not both", "allowed: one of them"};
          });
  return info;
}

const ConfigInfo& CpuConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<CpuConfig>("cpu", "A group of equal cores, each with its MMU and private caches.")
          .field("count", &CpuConfig::count, "number of cores", in_range(1, 1024))
          .field("clock", &CpuConfig::clock, "clock of core, MMU and private caches",
                 in_range(Frequency{1'000'000}, Frequency{20'000'000'000}))
          .field("core", &CpuConfig::core, "the pipeline")
          .field("smt", &CpuConfig::smt, "several hardware threads on each core; none: one, and one program")
          .field("mmu", &CpuConfig::mmu, "the MMU")
          .field("l1i", &CpuConfig::l1i, "instruction cache")
          .field("l1d", &CpuConfig::l1d, "data cache")
          .field("l2", &CpuConfig::l2, "second-level cache")
          .field("walks_enter", &CpuConfig::walks_enter, "the cache, or memory, that page-table walks read from")
          .field("shared_memory", &CpuConfig::shared_memory,
                 "all programs of the cores are threads of one process, else a process each")
          .field("workload", &CpuConfig::workload, "what each core runs; each software thread of one with smt")
          .field("workloads", &CpuConfig::workloads,
                 "what the cores' programs run instead, in turn: first those of the first core");
  return info;
}

const ConfigInfo& MemoryConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<MemoryConfig>("memory",
                                  "A memory controller with its memory; several follow one another in the address map.")
          .prepare([](const ConfigNode& written, MemoryConfig& config) {
            const ConfigNode* name = written.find("preset");
            const DramPreset* preset = name == nullptr ? nullptr : find_dram_preset(name->scalar);
            if (preset != nullptr) config.dram = preset->config;
          })
          .field("kind", &MemoryConfig::kind, "DRAM with its timing, or a memory with a fixed latency")
          .field("preset", &MemoryConfig::preset, "the DRAM whose figures `dram` starts from",
                 ConfigChoices{preset_names()})
          .field("dram", &MemoryConfig::dram, "the DRAM and its controller")
          .field("size", &MemoryConfig::size, "size of a fixed-latency memory; a DRAM's follows from its organisation",
                 in_range(Bytes{1 << 20}, Bytes{std::uint64_t{1} << 46}))
          .field("fixed", &MemoryConfig::fixed, "the fixed-latency memory")
          .field("walker", &MemoryConfig::walker, "a page-table walker inside the DRAM, and its rows for tables")
          .check(dram_problem)
          .check(walker_problem);
  return info;
}

const ConfigInfo& VariantConfig::config_info() {
  static const ConfigInfo info = ConfigBuilder<VariantConfig>("variant", "A named set of changes to the platform.")
                                     .field("name", &VariantConfig::name, "its name")
                                     .required()
                                     .field("description", &VariantConfig::description, "one line")
                                     .field("set", &VariantConfig::set, "paths and their values");
  return info;
}

const ConfigInfo& PlatformConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<PlatformConfig>("platform", "A system: cores, caches, memory, system software and what runs on it.")
          .field("name", &PlatformConfig::name, "name of the platform")
          .required()
          .field("description", &PlatformConfig::description, "one line about it")
          .field("seed", &PlatformConfig::seed, "seed of everything random")
          .field("quantum", &PlatformConfig::quantum, "how far initiators run ahead of each other; 0 is the reference",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .field("warmup", &PlatformConfig::warmup,
                 "loads and stores of each core, and transfers of each device, before statistics start")
          .field("clock", &PlatformConfig::clock, "clock of buses and the shared cache",
                 in_range(Frequency{1'000'000}, Frequency{20'000'000'000}))
          .field("cpus", &PlatformConfig::cpus, "groups of cores")
          .field("bus", &PlatformConfig::bus,
                 "from the private caches to the shared cache, or to memory if there is none")
          .field("llc", &PlatformConfig::llc, "last-level cache shared by all cores")
          .field("memory_bus", &PlatformConfig::memory_bus, "from the shared cache to memory")
          .field("memory", &PlatformConfig::memory, "memory controllers")
          .field("os", &PlatformConfig::os, "the operating system")
          .field("hypervisors", &PlatformConfig::hypervisors, "hypervisors below it, the guest's own first")
          .field("io", &PlatformConfig::io, "devices and their IOMMU")
          .field("migration", &PlatformConfig::migration,
                 "a process or virtual machine that moves to another machine; the run ends then")
          .field("paging", &PlatformConfig::paging,
                 "programs larger than memory, paged to a volume; none: all stay in memory")
          .field("variants", &PlatformConfig::variants, "changes to compare; the first one is the baseline")
          .check([](const PlatformConfig& c) -> std::optional<ConfigProblem> {
            if (c.cpus.empty() && c.io.devices.empty()) {
              return ConfigProblem{"cpus", "is empty, and there is no device",
                                   "allowed: at least one group of cores, or one of io.devices"};
            }
            if (c.memory.empty()) return ConfigProblem{"memory", "is empty", "allowed: at least one memory"};
            if (c.hypervisors.size() + 1 > kMaxStages) {
              return ConfigProblem{"hypervisors", "too many translation stages",
                                   fmt::format("allowed: at most {}", kMaxStages - 1)};
            }
            return std::nullopt;
          })
          .check([](const PlatformConfig& c) -> std::optional<ConfigProblem> {
            std::uint32_t cores = 0;
            for (const CpuConfig& cpu : c.cpus) cores += cpu.count;
            for (const DeviceConfig& device : c.io.devices) {
              if (!device.shares_cpu || *device.shares_cpu < cores) continue;
              return ConfigProblem{"io",
                                   fmt::format("`{}` shares the process of core {}, and there are {} cores",
                                               device.name, *device.shares_cpu, cores),
                                   "allowed: shares_cpu below the number of cores"};
            }
            return std::nullopt;
          })
          .check(migration_problem)
          .check(paging_problem)
          .check([](const PlatformConfig& c) -> std::optional<ConfigProblem> {
            for (const CpuConfig& cpu : c.cpus) {
              const bool there =
                  cpu.walks_enter == WalkEntry::memory || (cpu.walks_enter == WalkEntry::l1d && cpu.l1d) ||
                  (cpu.walks_enter == WalkEntry::l2 && cpu.l2) || (cpu.walks_enter == WalkEntry::llc && c.llc);
              if (!there) {
                return ConfigProblem{"cpus", "walks_enter names a cache that the platform does not have",
                                     "allowed: a cache it has, or memory"};
              }
              if (cpu.core.fetch && !cpu.l1i && cpu.l1d) {
                return ConfigProblem{"cpus", "core.fetch needs an instruction cache",
                                     "allowed: a cache l1i, or core.fetch: false"};
              }
            }
            return std::nullopt;
          })
          .check([](const PlatformConfig& c) -> std::optional<ConfigProblem> {
            const bool any_walker = std::any_of(c.memory.begin(), c.memory.end(),
                                                [](const MemoryConfig& memory) { return memory.walker.has_value(); });
            for (const CpuConfig& cpu : c.cpus) {
              if (cpu.mmu.walker.place == WalkerPlace::host || any_walker) continue;
              return ConfigProblem{"cpus", "mmu.walker.place wants a walker in memory, and no memory has one",
                                   "allowed: place: host, or a memory with `walker`"};
            }
            return std::nullopt;
          })
          .check([](const PlatformConfig& c) -> std::optional<ConfigProblem> {
            for (std::size_t i = 0; i < c.variants.size(); ++i) {
              for (std::size_t j = 0; j < i; ++j) {
                if (c.variants[i].name == c.variants[j].name) {
                  return ConfigProblem{"variants", "`" + c.variants[i].name + "` stands here twice",
                                       "allowed: names that differ"};
                }
              }
            }
            return std::nullopt;
          });
  return info;
}

}  // namespace pagoda
