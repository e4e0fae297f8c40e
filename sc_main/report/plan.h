// What a report shows of a study: along which parameter, grouped by which, and which statistics.
//
// Whoever asks for a report may say so, or else the sweep's file; what neither says is chosen here. Errors: UserError
// naming what there is none of.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sc_main/report/headline.h"
#include "sc_main/report/pareto.h"
#include "sc_main/report/study.h"

namespace pagoda::report {

struct Plan {
  std::size_t x = kNone;  ///< a parameter; none in the run of one point
  bool x_is_numeric = false;
  bool scattered = false;             ///< designs are a sample: hardly two share a value of x
  std::vector<std::size_t> groups;    ///< parameters; each combination of their values is a line
  std::vector<std::size_t> averaged;  ///< parameters that are neither, and vary
  std::size_t second = kNone;         ///< the second axis of heat maps
  std::vector<std::size_t> y;         ///< statistics, the most important first
  std::vector<std::string> labels;    ///< of each of `y`
  std::optional<std::pair<Objective, Objective>> pareto;
};

Plan make_plan(const Study& study, const Choice& asked, const Headlines& headlines);

/// Whether more of a statistic is better, as its name tells: hit rates, bandwidth, instructions per cycle.
bool more_is_better(const std::string& statistic);

}  // namespace pagoda::report
