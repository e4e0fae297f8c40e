// Where a streaming device gets its transfers from: a pattern, a trace, a test.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/base/access.h"
#include "pagoda/devices/dma_job.h"

namespace pagoda {

struct DmaTransfer {
  Addr address = 0;
  std::uint64_t bytes = 0;
  bool write = false;
  Ps gap = 0;                     ///< not started earlier than so long after the transfer before it was due
  unsigned char* data = nullptr;  ///< of so many bytes, until the transfer has ended; null: only time passes
  std::optional<DmaSpace> space;  ///< none: that of the device
};

class DmaTraffic {
 public:
  virtual ~DmaTraffic() = default;
  /// The next transfer, or nothing at the end and from then on.
  virtual std::optional<DmaTransfer> next() = 0;
  /// A transfer has ended. They end in any order.
  virtual void ended(const DmaTransfer& /*transfer*/, DmaStatus /*status*/, Ps /*at*/) {}
};

}  // namespace pagoda
