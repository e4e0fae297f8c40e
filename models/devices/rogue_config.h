// The parameters of a rogue device.
//
// All figures are round ones without a source.
#pragma once

#include <cstdint>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

struct RogueConfig {
  std::uint32_t requester = 0;
  Duration interval{kMicrosecond};
  double forged = 0.5;       ///< share of the attempts that forge an address; the others use what is stale
  double write_ratio = 0.5;  ///< share of the attempts that write
  Bytes request_size{64};
  std::uint32_t kept = 256;  ///< translations it keeps; the oldest gives way
  std::uint64_t seed = 1;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
