#include "pagoda/memory/cache_config.h"

#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& PrefetchConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<PrefetchConfig>("prefetcher",
                                    "A hardware prefetcher in front of a cache's misses; never crosses 4 KiB.")
          .field("kind", &PrefetchConfig::kind,
                 "none, the next lines after a miss, or the stride seen in a 4 KiB region")
          .field("degree", &PrefetchConfig::degree, "lines fetched ahead at a time", in_range(1, 16))
          .field("regions", &PrefetchConfig::regions, "regions whose stride is remembered (stride only)",
                 in_range(1, 1024));
  return info;
}

const ConfigInfo& CacheConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<CacheConfig>("cache", "A set-associative write-back, write-allocate cache.")
          .field("size", &CacheConfig::size, "capacity", in_range(Bytes{64}, Bytes{std::uint64_t{4} << 30}))
          .field("ways", &CacheConfig::ways, "associativity", in_range(1, 1024))
          .field("line", &CacheConfig::line, "line size", in_range(Bytes{16}, Bytes{4096}))
          .field("replacement", &CacheConfig::replacement, "which way a fill takes")
          .field("latency", &CacheConfig::latency, "from request to data on a hit; a miss goes on after it")
          .field("ports", &CacheConfig::ports, "accesses that can start per cycle; 0: no limit", in_range(0, 64))
          .field("mshrs", &CacheConfig::mshrs, "misses outstanding at a time; 0: no limit", in_range(0, 1024))
          .field("write_buffer", &CacheConfig::write_buffer, "evicted dirty lines on their way out; 0: no limit",
                 in_range(0, 1024))
          .field("prefetch", &CacheConfig::prefetch, "the prefetcher")
          .field("clock", &CacheConfig::clock, "its clock; none: that of the core or platform it belongs to",
                 in_range(Frequency{1'000'000}, Frequency{20'000'000'000}))
          .check([](const CacheConfig& c) -> std::optional<ConfigProblem> {
            if (!std::has_single_bit(c.line.count)) return ConfigProblem{"line", "must be a power of two", ""};
            if (c.size.count % c.line.count != 0)
              return ConfigProblem{"size", "must be a multiple of the line size", ""};
            const std::string problem = c.geometry().problem();
            if (!problem.empty()) {
              return ConfigProblem{"ways", problem, "here entries is size / line"};
            }
            return std::nullopt;
          });
  return info;
}

}  // namespace pagoda
