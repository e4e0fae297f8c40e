// The parameters of a device's dirty logger.
//
// Defaults are round figures: no maker publishes such a device's. A queue of 64 holds the misses of the few microseconds
// that an update of a map takes there and back; 8 bytes are what a read-modify-write moves at least.
#pragma once

#include <cstdint>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

struct DirtyLogConfig {
  std::uint32_t regions = 4;
  std::uint32_t queues = 1;
  std::uint32_t queue_depth = 64;
  Latency service = Latency::cycles(4);
  std::uint32_t words = 16;
  Bytes word{8};
  Duration gather{500 * kNanosecond};
  std::uint32_t outstanding = 16;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
