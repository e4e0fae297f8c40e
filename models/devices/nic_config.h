// The parameters of a network interface. Defaults are round figures.
#pragma once

#include <cstdint>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/devices/interrupt_line.h"

namespace pagoda {

struct NicConfig {
  std::uint32_t fetch_batch = 8;
  std::uint32_t descriptors = 64;
  std::uint32_t frame_buffer = 64;
  Bytes max_frame{9216};
  bool real_data = true;
  InterruptConfig interrupt{};

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
