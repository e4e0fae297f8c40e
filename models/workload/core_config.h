// The parameters of a core.
#pragma once

#include <cstdint>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

struct CoreConfig {
  std::uint32_t issue_width = 4;
  std::uint32_t window = 224;
  std::uint32_t outstanding_loads = 72;
  std::uint32_t store_buffer = 56;
  bool fetch = true;
  Latency fetch_ahead = Latency::cycles(5);
  Latency fault_entry = Latency::cycles(0);  ///< part of what the handler takes, see os_config.h

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
