#include "pagoda/mmu/walker_config.h"

#include "pagoda/base/config_builder.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

const ConfigInfo& WalkCacheConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<WalkCacheConfig>("walk cache", "A cache of page-table entries of one level that point to tables.")
          .field("level", &WalkCacheConfig::level,
                 "level of the entries: 1 map 2 MiB (PDE), 2 1 GiB (PDPTE), 3 512 GiB (PML4E), 4 256 TiB",
                 in_range(1, kMaxLevels - 1))
          .field("entries", &WalkCacheConfig::entries, "number of entries", in_range(1, 1 << 20))
          .field("ways", &WalkCacheConfig::ways, "associativity", in_range(1, 1 << 16))
          .field("replacement", &WalkCacheConfig::replacement, "which way a fill takes")
          .field("latency", &WalkCacheConfig::latency, "time of a look-up; all levels are looked up at once")
          .field("ports", &WalkCacheConfig::ports, "look-ups that can start per cycle; 0: no limit", in_range(0, 64))
          .check([](const WalkCacheConfig& c) -> std::optional<ConfigProblem> {
            const std::string problem = c.geometry().problem();
            if (problem.empty()) return std::nullopt;
            return ConfigProblem{"ways", problem, ""};
          });
  return info;
}

const ConfigInfo& WalkerConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<WalkerConfig>("walker",
                                  "The hardware page-table walkers of an MMU and the caches that shorten walks.")
          .field("slots", &WalkerConfig::slots, "walks at a time; more wait", in_range(1, 256))
          .field("place", &WalkerConfig::place,
                 "who walks: this walker, that of the memory that has the tables, or the latter only where walk caches "
                 "leave more than own_reads table reads")
          .field("own_reads", &WalkerConfig::own_reads, "hybrid: most table reads that this walker makes of a walk",
                 in_range(1, kMaxLevels))
          .field("fetch_data", &WalkerConfig::fetch_data, "walks in memory for a load bring the line of data as well")
          .field("walk_caches", &WalkerConfig::walk_caches, "caches of upper-level entries, one per level")
          .field("nested_tlb", &WalkerConfig::nested_tlb,
                 "cache of later stages' translations (guest to host physical)")
          .check([](const WalkerConfig& c) -> std::optional<ConfigProblem> {
            std::uint32_t seen = 0;
            for (const WalkCacheConfig& cache : c.walk_caches) {
              if ((seen >> cache.level & 1) != 0) {
                return ConfigProblem{"walk_caches", "names a level twice", "allowed: one cache per level"};
              }
              seen |= 1u << cache.level;
            }
            return std::nullopt;
          });
  return info;
}

}  // namespace pagoda
