// Who is told of a device's interrupts.
#pragma once

#include <cstdint>

#include "pagoda/base/time.h"

namespace pagoda {

class InterruptSink {
 public:
  virtual ~InterruptSink() = default;
  /// At local time `at`, which may be ahead of kernel time by up to a quantum.
  virtual void interrupt(std::uint32_t requester, std::uint32_t vector, Ps at) = 0;
};

}  // namespace pagoda
