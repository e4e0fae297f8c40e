// The parameters of a hardware page-table walker and its caches.
//
// Defaults: two walks at a time as on Skylake (Intel 64 and IA-32 Architectures Optimization Reference Manual, Skylake
// chapter). Entries, ways, latencies and ports of the walk caches and of the nested TLB are round figures without a
// source; LRU is a choice.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/base/assoc_config.h"

namespace pagoda {

/// A cache of table pointers, of one level. Level 1 holds what maps 2 MiB (x86 PDE), 2 1 GiB (PDPTE), 3 512
/// GiB (PML4E).
struct WalkCacheConfig {
  std::uint32_t level = 1;
  std::uint32_t entries = 32;
  std::uint32_t ways = 4;
  Replacement replacement = Replacement::lru;
  Latency latency = Latency::cycles(1);
  std::uint32_t ports = 1;

  AssocGeometry geometry() const { return {entries, ways, replacement}; }

  static const ConfigInfo& config_info();
};

/// Who makes the walks of an MMU.
enum class WalkerPlace : std::uint8_t {
  host,    ///< its own walker
  memory,  ///< the walker of the memory that has the tables
  hybrid   ///< its own where walk caches leave few tables to read, else that of the memory
};
BOOST_DESCRIBE_ENUM(WalkerPlace, host, memory, hybrid)

struct WalkerConfig {
  std::uint32_t slots = 2;
  WalkerPlace place = WalkerPlace::host;
  std::uint32_t own_reads = 1;  ///< hybrid: the most table reads left for a walk to be made by the own walker
  bool fetch_data = false;      ///< a walk in memory for a load is to bring the line as well
  std::vector<WalkCacheConfig> walk_caches{{.level = 1, .entries = 32, .ways = 4},
                                           {.level = 2, .entries = 4, .ways = 4},
                                           {.level = 3, .entries = 2, .ways = 2}};
  std::optional<AssocConfig> nested_tlb = AssocConfig{.entries = 32, .ways = 4};

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
