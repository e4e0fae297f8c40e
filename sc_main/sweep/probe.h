// What can be known of points without running them to their end: which statistics they have, and about how long they
// take. A probe is a process of its own (`pagoda sweep-probe`) that builds the platform and simulates for a moment.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sc_main/sweep/plan.h"

namespace pagoda {

struct PointProbe {
  double setup_seconds = 0;
  double seconds = 0;  ///< of simulating
  double done = 0;     ///< part of the run that it came to, 0 to 1
  std::uint64_t peak_bytes = 0;
  std::vector<std::string> statistics;

  /// What the whole point will take; nothing if it did not come far enough to say.
  std::optional<double> whole_seconds() const;
};

/// Simulates each of these points for so many seconds, one after the other. UserError if the platform refuses a point.
std::vector<PointProbe> probe_points(const SweepPlan& plan, const std::vector<std::size_t>& numbers, double seconds);

/// Each name or pattern under `statistics` must be one of some point's: of the first or the last of a platform and
/// variant. UserError with its line.
void check_statistics(const SweepPlan& plan);

struct Estimate {
  std::size_t tried = 0;
  double least = 0, mean = 0, most = 0;  ///< seconds of a point; 0 if not known
  std::uint64_t peak_bytes = 0;
};
/// From some points, spread over all, a second each.
Estimate estimate(const SweepPlan& plan);

}  // namespace pagoda
