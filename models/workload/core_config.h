// The parameters of a core.
//
// Defaults: width, window and buffers are those of Skylake (Intel 64 and IA-32 Architectures Optimization Reference
// Manual, Skylake chapter: 4 micro-operations a cycle, 224 reorder-buffer entries, 72 load and 56 store buffers); here
// an instruction is one micro-operation. The fetch latency that the front end hides is a round figure, one cycle more
// than the default hit latency of the instruction cache.
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
