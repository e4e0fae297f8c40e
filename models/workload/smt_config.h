// The parameters of a core with several hardware threads.
//
// Priorities and slots: levels are those of the Power ISA's program priority register (Book II, section 3.1: 1 very
// low, 2 low, 3 medium low, 4 medium, 5 medium high, 6 high, 7 very high). Of two threads at levels X and Y, the lower
// one gets one of R = 2^(|X-Y|+1) decode cycles and the higher one the rest, and one at level 1 what the other leaves
// (POWER5: Boneti et al., "Software-controlled priority characterization of POWER5 processor", ISCA 2008, section 2).
// Linux runs programs at level 4 and spins at level 2 (arch/powerpc/include/asm/vdso/processor.h).
//
// Sources of the defaults: the least share of a thread at level 1 is the smallest that POWER5 gives anybody (both
// threads at level 1: one cycle in 64 each); a context switch takes 1.2 to 1.5 us between threads on one core (E.
// Bendersky, "Measuring context switching and memory overheads for Linux threads", 2018); the loop of a poller is a
// load, a comparison, a branch and the hint.
#pragma once

#include <cstdint>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

inline constexpr unsigned kLowestPriority = 1;
inline constexpr unsigned kHighestPriority = 7;

struct SmtConfig {
  std::uint32_t threads = 2;
  std::uint32_t programs = 0;
  std::uint32_t normal = 4;
  std::uint32_t low = 1;
  std::uint32_t slot_base = 2;
  std::uint32_t least_share = 64;
  std::uint32_t poll_loop = 4;
  Duration context_switch{1'300'000};

  std::uint32_t software_threads() const { return programs == 0 ? threads : programs; }

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
