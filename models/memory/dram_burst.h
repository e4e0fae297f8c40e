// One burst, the unit in which a DRAM channel works.
#pragma once

#include <cstdint>

#include "pagoda/base/access.h"

namespace pagoda {

struct DramBurst {
  Addr number;         ///< address divided by the burst's bytes
  std::uint32_t bank;  ///< as DramAddressMap numbers the banks of a channel
  std::uint32_t row;
};

/// What an access found in its bank.
enum class DramOutcome : std::uint8_t {
  hit,       ///< its row open, or about to be opened for an access before it
  closed,    ///< no row open: ACT was needed
  conflict,  ///< another row open: PRE and ACT were needed
  queued     ///< nothing: a read was served from, or a write went into, the write queue
};

/// Whether a burst with this outcome had its row opened.
inline bool opens_row(DramOutcome outcome) {
  return outcome == DramOutcome::closed || outcome == DramOutcome::conflict;
}

}  // namespace pagoda
