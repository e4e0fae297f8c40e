// What a run prints: where the time went, on one screen.
#pragma once

#include <string>

#include "pagoda/base/stats.h"
#include "platforms/platform_config.h"

namespace pagoda {

/// What the host needed for a run.
struct HostFigures {
  double setup_seconds = 0;  ///< to build the platform and map what is mapped beforehand
  double seconds = 0;        ///< to simulate
  std::uint64_t accesses = 0;
  std::uint64_t peak_rss_bytes = 0;
};

std::string summary(const PlatformConfig& config, const std::string& variant, const StatNode& stats,
                    const HostFigures& host);

}  // namespace pagoda
