// The figures of a report, in the sections that they stand in. A section without figures has nothing to show.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sc_main/report/chart.h"
#include "sc_main/report/plan.h"
#include "sc_main/report/study.h"

namespace pagoda::report {

struct Section {
  std::string id;
  std::string title;
  std::string text;  ///< what stands before the figures
  std::vector<Figure> figures;
};

/// The chosen statistics: against the chosen parameter where it is a number, else as bars.
Section statistics_section(const Study& study, const Plan& plan);
/// Statistics by two parameters.
Section heat_section(const Study& study, const Plan& plan);
/// Where time, energy and traffic went: statistics that are parts of a whole.
Section parts_section(const Study& study);
/// Percentiles and tails of latencies.
Section latency_section(const Study& study, const Plan& plan);
/// Variants against the first one.
Section ratio_section(const Study& study, const Plan& plan);
/// Designs that no other beats in both of the plan's objectives.
Section pareto_section(const Study& study, const Plan& plan);

/// For each cell the one of the same settings but the first variant of its platform, or kNone.
std::vector<std::size_t> baselines(const Study& study, const std::vector<Cell>& cells);
/// A value over the baseline's; NaN if that is 0.
double ratio_to(double baseline, double value);
/// The parameter that names variants, if there is more than one; else kNone.
std::size_t variant_parameter(const Study& study);

/// The groups of a plan's lines as they occur, with the cells of each.
struct Group {
  std::string title;
  std::vector<std::size_t> cells;
};
std::vector<Group> groups_of(const Study& study, const Plan& plan, const std::vector<Cell>& cells);

/// Means of values at each setting of the plan's x, with their spread; NaN among the values are left out.
struct ValueAt {
  std::size_t setting;
  double value;
};
std::vector<ChartPoint> means_along(const std::vector<ValueAt>& values, const std::vector<double>& positions);

}  // namespace pagoda::report
