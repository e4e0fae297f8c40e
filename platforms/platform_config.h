// What a platform file says: cores and their caches, what they run, memory, system software.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/interconnect/bus.h"
#include "pagoda/memory/cache_config.h"
#include "pagoda/memory/dram_config.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/mmu/mmu_config.h"
#include "pagoda/pim/memory_walker_config.h"
#include "pagoda/software/os_config.h"
#include "pagoda/workload/core_config.h"
#include "pagoda/workload/pattern.h"
#include "pagoda/workload/smt_config.h"
#include "platforms/io_config.h"
#include "platforms/live_migration_config.h"
#include "platforms/paging_config.h"

namespace pagoda {

enum class TraceFormatChoice : std::uint8_t { detect, lackey, champsim, text, binary };
BOOST_DESCRIBE_ENUM(TraceFormatChoice, detect, lackey, champsim, text, binary)

/// What a core runs: a trace or a pattern.
struct WorkloadConfig {
  std::string trace;
  TraceFormatChoice trace_format = TraceFormatChoice::detect;
  std::optional<PatternConfig> pattern;
  std::uint64_t repeat = 1;
  std::uint64_t limit = 0;

  static const ConfigInfo& config_info();
};

/// Where table walks enter the memory hierarchy.
enum class WalkEntry : std::uint8_t { l1d, l2, llc, memory };
BOOST_DESCRIBE_ENUM(WalkEntry, l1d, l2, llc, memory)

/// A group of equal cores. The caches by default are those of Skylake Server (Intel 64 and IA-32 Architectures
/// Optimization Reference Manual): L1D with two loads and a store a cycle, L2 hits in 4 + 10 = 14 cycles. Clock, ports
/// and MSHRs of the L2 are round figures.
struct CpuConfig {
  std::uint32_t count = 1;
  Frequency clock{4'000'000'000};
  CoreConfig core;
  std::optional<SmtConfig> smt;
  MmuConfig mmu;
  std::optional<CacheConfig> l1i = CacheConfig{.size = {32 * 1024}, .ways = 8, .latency = Latency::cycles(4)};
  std::optional<CacheConfig> l1d =
      CacheConfig{.size = {32 * 1024}, .ways = 8, .latency = Latency::cycles(4), .ports = 3};
  std::optional<CacheConfig> l2 =
      CacheConfig{.size = {1024 * 1024}, .ways = 16, .latency = Latency::cycles(10), .ports = 1, .mshrs = 48};
  WalkEntry walks_enter = WalkEntry::l1d;
  bool shared_memory = false;
  WorkloadConfig workload;
  std::vector<WorkloadConfig> workloads;

  /// Programs that each core runs.
  std::uint32_t programs() const { return smt ? smt->software_threads() : 1; }

  static const ConfigInfo& config_info();
};

enum class MemoryKind : std::uint8_t { dram, fixed };
BOOST_DESCRIBE_ENUM(MemoryKind, dram, fixed)

/// A memory controller and its memory.
struct MemoryConfig {
  MemoryKind kind = MemoryKind::dram;
  std::string preset = "DDR4-3200";
  DramConfig dram;
  Bytes size{std::uint64_t{16} << 30};
  FixedMemoryConfig fixed;
  std::optional<MemoryWalkerConfig> walker;

  std::uint64_t bytes() const { return kind == MemoryKind::dram ? capacity_bytes(dram.organisation) : size.count; }

  static const ConfigInfo& config_info();
};

/// A named set of changes to the platform, for comparison.
struct VariantConfig {
  std::string name;
  std::string description;
  ConfigNode set;

  static const ConfigInfo& config_info();
};

struct PlatformConfig {
  std::string name;
  std::string description;
  std::uint64_t seed = 1;
  Duration quantum{kMicrosecond};
  std::uint64_t warmup = 0;
  Frequency clock{2'000'000'000};
  std::vector<CpuConfig> cpus{CpuConfig{}};
  BusConfig bus;
  std::optional<CacheConfig> llc;
  BusConfig memory_bus;
  std::vector<MemoryConfig> memory{MemoryConfig{}};
  OsConfig os;
  std::vector<HypervisorConfig> hypervisors;
  IoConfig io;
  std::optional<LiveMigrationConfig> migration;
  std::optional<PagingConfig> paging;
  std::vector<VariantConfig> variants;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
