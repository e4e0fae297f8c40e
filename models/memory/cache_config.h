// The parameters of a cache.
//
// Defaults: size, ways, line and latency are those of Skylake's first-level data cache (Intel 64 and IA-32
// Architectures Optimization Reference Manual, Skylake chapter, table of cache parameters). LRU is a choice; ports,
// MSHRs, write buffer and the prefetcher's degree and regions are round figures.
#pragma once

#include <cstdint>
#include <optional>

#include <boost/describe/enum.hpp>

#include "pagoda/base/assoc_array.h"
#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

enum class PrefetchKind : std::uint8_t { none, next_line, stride };
BOOST_DESCRIBE_ENUM(PrefetchKind, none, next_line, stride)

struct PrefetchConfig {
  PrefetchKind kind = PrefetchKind::none;
  std::uint32_t degree = 2;    ///< lines fetched ahead at a time
  std::uint32_t regions = 16;  ///< 4 KiB regions whose stride is followed

  static const ConfigInfo& config_info();
};

struct CacheConfig {
  Bytes size{32 * 1024};
  std::uint32_t ways = 8;
  Bytes line{64};
  Replacement replacement = Replacement::lru;
  Latency latency = Latency::cycles(4);
  std::uint32_t ports = 2;
  std::uint32_t mshrs = 10;
  std::uint32_t write_buffer = 8;
  PrefetchConfig prefetch;
  std::optional<Frequency> clock;  ///< that of the core or platform it belongs to if not given

  AssocGeometry geometry() const { return {size.count / line.count, ways, replacement}; }
  Ps period() const { return clock.value_or(Frequency{1'000'000'000}).period(); }

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
