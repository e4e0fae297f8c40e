// The energy of DRAM operations from data-sheet currents.
//
// A data sheet states the current of a device in loops of one operation. What an operation adds to standby is
// its loop's current less the standby current underneath, for the time the operation takes, times the supply
// voltage (Micron TN-40-07 "Calculating Memory Power for DDR4 SDRAM", TN-41-01 for DDR3). Summed over the
// supplies and the devices of a rank:
//
//   activate    V * (IDD0 * tRC - I1 * tRAS - IDD2N * (tRC - tRAS))     one ACT with its PRE
//   read        V * (IDD4R - IDD3N) * burst time                        also a burst from a buffer beside the array
//   write       V * (IDD4W - IDD3N) * burst time
//   refresh     V * (IDD5B - IDD2N) * tRFC
//   background  V * IDD2N per rank, and V * (IDD3N - IDD2N) / banks more for each open bank
//
// I1 is the background with one bank open, IDD2N + (IDD3N - IDD2N) / banks. The technical notes take the
// whole of IDD3N as soon as one bank is open; IDD3N however is measured with all banks open (JESD79-4C
// table 10.2), and with 32 banks their activate term turns negative. Scaling it by the open banks is the
// bank-sensitive refinement of Jung, Mathew, Zulian, Weis and Wehn, "A New Bank Sensitive DRAMPower Model",
// PATMOS 2016, with its rho = 0. Termination and the interface are only in it as far as the given currents
// contain them.
#pragma once

#include "pagoda/base/time.h"
#include "pagoda/memory/dram_channel.h"
#include "pagoda/memory/dram_clocks.h"
#include "pagoda/memory/dram_config.h"

namespace pagoda {

/// What one operation costs in one rank.
struct DramOperationEnergy {
  Energy activate;
  Energy read_burst;
  Energy write_burst;
  Energy refresh;
  double standby_watts = 0;    ///< of a rank with all banks precharged
  double open_bank_watts = 0;  ///< what an open bank adds

  DramOperationEnergy(const DramConfig& config, const DramClocks& clocks);
};

struct DramEnergy {
  Energy activate;
  Energy read;
  Energy write;
  Energy refresh;
  Energy background;

  double joules() const { return activate.joules + read.joules + write.joules + refresh.joules + background.joules; }
};

/// How often what happened in how long, over all channels.
struct DramActivity {
  DramCounters counters;
  std::uint64_t refreshes = 0;
  double rank_seconds = 0;       ///< ranks times simulated time
  double open_bank_seconds = 0;  ///< summed over the banks
};

DramEnergy dram_energy(const DramOperationEnergy& operation, const DramActivity& activity);

}  // namespace pagoda
