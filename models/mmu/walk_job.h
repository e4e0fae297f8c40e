// A walk as a walker takes it on, and as it comes back: whoever makes it, the MMU's own walker or one in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "pagoda/base/fault.h"
#include "pagoda/base/time.h"
#include "pagoda/mmu/tlb.h"
#include "pagoda/paging/walk.h"

namespace pagoda {

struct WalkJob {
  std::span<const Stage> stages;
  AddressSpaceTag tag;
  WalkRequest request;
  std::uint32_t requester = 0;
  std::uint32_t data_bytes = 0;  ///< if not 0: the aligned line of this size around the address is wanted as well
  Ps floor = 0;                  ///< kernel time
  Ps at = 0;                     ///< when the miss reaches the walker
};

struct WalkResult {
  Ps start = 0;  ///< when it got its slot
  Ps done = 0;
  Fault fault;                             ///< set: there is no translation
  TlbEntry entry;                          ///< set unless there is a fault; ready at `done`
  std::optional<TablePointer> last_table;  ///< the lowest table of the first stage that it went through, if wanted
  bool with_data = false;                  ///< the line has come with it
};

}  // namespace pagoda
