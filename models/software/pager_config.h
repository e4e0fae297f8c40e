// The parameters of a pager.
//
// Defaults and their sources: a fault from entry to return 250 ns and zeroing 5.5 GB/s, as in os_config.h. Looking at a
// page for eviction (its descriptor, its accessed flag by way of the reverse map) and choosing a victim are round
// figures, as is ordering one page ahead of its use.
#pragma once

#include <cstdint>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/software/victim_list.h"

namespace pagoda {

/// What a thread does while pages move for it.
enum class PagingWait : std::uint8_t {
  poll_low,  ///< polls at low priority
  poll,      ///< polls at the priority it has
  sleep      ///< gives its hardware thread away until it is woken
};
BOOST_DESCRIBE_ENUM(PagingWait, poll_low, poll, sleep)

struct PagerConfig {
  Eviction eviction = Eviction::clock;
  PagingWait wait = PagingWait::poll_low;
  std::uint32_t reserve = 16;
  bool overlap = true;
  bool wait_for_out = true;
  std::uint32_t read_ahead = 0;
  std::uint32_t retries = 2;
  Duration fault{250'000};
  Duration victim{200 * kNanosecond};
  Duration look{50 * kNanosecond};
  Duration ahead{100 * kNanosecond};
  Bandwidth zeroing{5.5e9};

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
