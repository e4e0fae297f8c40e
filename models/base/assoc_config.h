// How every tagged look-up structure is parameterised: TLBs, walk caches, context caches.
#pragma once

#include <cstdint>

#include "pagoda/base/assoc_array.h"
#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

struct AssocConfig {
  std::uint32_t entries = 16;
  std::uint32_t ways = 4;
  Replacement replacement = Replacement::lru;
  Latency latency = Latency::cycles(1);  ///< of a look-up
  std::uint32_t ports = 1;               ///< look-ups that can start per cycle; 0: no limit

  AssocGeometry geometry() const { return {entries, ways, replacement}; }

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
