// The parameters of a DMA engine.
//
// Defaults are round figures: requests of a common maximum payload size, as many under way as hide a microsecond at 16
// GB/s.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/base/access.h"
#include "pagoda/devices/atc_config.h"
#include "pagoda/devices/dirty_log_config.h"

namespace pagoda {

struct DmaConfig {
  Frequency clock{1'000'000'000};
  std::uint32_t requester = 0;
  std::optional<std::uint32_t> pasid;
  bool supervisor = false;
  Bytes request_size{256};
  std::uint32_t outstanding = 64;
  bool in_order = false;
  Latency issue_interval = Latency::cycles(1);
  std::optional<AtcConfig> atc;
  std::optional<DirtyLogConfig> dirty_log;
  std::uint64_t register_base = 0;
  Latency register_latency = Latency::cycles(10);

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
