// The parameters of a TLB.
//
// Defaults: entries and ways are those of Skylake's first-level data TLB, for 4 KiB pages and, as a further array, for
// 2 MiB pages (Intel 64 and IA-32 Architectures Optimization Reference Manual, Skylake chapter, table of TLB
// parameters). LRU is a choice; the ports are a round figure.
#pragma once

#include <cstdint>
#include <vector>

#include "pagoda/base/assoc_config.h"

namespace pagoda {

/// A further array of a TLB, for page sizes that its main array does not take.
struct TlbArrayConfig {
  std::vector<Bytes> page_sizes{{std::uint64_t{2} << 20}};
  std::uint32_t entries = 32;
  std::uint32_t ways = 4;
  Replacement replacement = Replacement::lru;

  AssocGeometry geometry() const { return {entries, ways, replacement}; }

  static const ConfigInfo& config_info();
};

struct TlbConfig {
  std::uint32_t entries = 64;
  std::uint32_t ways = 4;
  Replacement replacement = Replacement::lru;
  Latency latency = Latency::cycles(0);  ///< 0: hidden behind the look-up of a virtually indexed cache
  std::uint32_t ports = 2;
  std::vector<Bytes> page_sizes{};  ///< empty: every size
  std::vector<TlbArrayConfig> superpages{};

  AssocGeometry geometry() const { return {entries, ways, replacement}; }

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
