// Sweeps of tests, from their text.
#pragma once

#include <string>

#include "sc_main/sweep/plan.h"

namespace pagoda::testing {

/// A sweep of a small platform that no file holds. `rest` follows the first two lines of the sweep, name and platform.
SweepSources sources_of(const std::string& rest);

/// What a plan of it says is wrong; empty if nothing.
std::string refusal_of(const std::string& rest);

}  // namespace pagoda::testing
