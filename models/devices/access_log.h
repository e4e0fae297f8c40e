// Who keeps track of what a DMA channel writes (dirty_logger.h).
#pragma once

#include "pagoda/devices/atc.h"
#include "pagoda/devices/dma_job.h"

namespace pagoda {

/// A write that is about to be made, as the device addresses it. It lies within a page of 4 KiB.
struct LoggedWrite {
  DmaSpace space;
  Addr address = 0;
  std::uint32_t bytes = 0;
  AtcEntry* entry = nullptr;  ///< that translates it; null: the IOMMU does
};

class AccessLog {
 public:
  /// False: there is no room to note the write, which must not be made now. The channel's retry_stalled() is called
  /// when there may be.
  virtual bool admit(const LoggedWrite& write, Ps at) = 0;
  /// The write admitted last has been made, and its data are in memory from `done` on.
  virtual void made(const LoggedWrite& write, Ps done) = 0;

 protected:
  ~AccessLog() = default;
};

}  // namespace pagoda
