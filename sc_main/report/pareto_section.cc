#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "sc_main/report/sections.h"

namespace pagoda::report {
namespace {

Axis objective_axis(const Study& study, const Objective& objective, const std::vector<double>& values) {
  const std::string name = objective_name(study, objective);
  Axis axis = objective.is_parameter ? parameter_axis(study.parameters[objective.index]).axis
                                     : value_axis(name, study.statistics[objective.index].unit, values);
  axis.label += objective.maximise ? " (more is better)" : " (less is better)";
  return axis;
}

}  // namespace

Section pareto_section(const Study& study, const Plan& plan) {
  Section section{"front", "Trade-off", {}, {}};
  if (!plan.pareto) return section;
  const std::vector<Cell> cells = study.cells();
  const std::vector<std::size_t> front = pareto_front(study, cells, *plan.pareto);
  if (front.empty()) return section;
  const Objective across = plan.pareto->first;
  const Objective up = plan.pareto->second;
  FrontChart chart;
  std::vector<double> xs;
  std::vector<double> ys;
  const auto mark = [&](std::size_t cell, const std::string& label) {
    xs.push_back(objective_value(study, cells[cell], across));
    ys.push_back(objective_value(study, cells[cell], up));
    return FrontChart::Mark{xs.back(), ys.back(), label};
  };
  for (const std::size_t cell : front) chart.front.push_back(mark(cell, front_label(chart.front.size())));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (std::find(front.begin(), front.end(), i) == front.end()) chart.others.push_back(mark(i, {}));
  }
  chart.x = objective_axis(study, across, xs);
  chart.y = objective_axis(study, up, ys);
  section.text = front.size() == 1 ? "One design is best in both: there is nothing to trade."
                                   : fmt::format("{} of {} designs are not beaten in both figures by another.",
                                                 front.size(), cells.size());
  section.figures.push_back({fmt::format("{} against {}", objective_name(study, up), objective_name(study, across)),
                             "designs on the line are the choices; each other design is beaten by one of them, or "
                             "equalled in one figure and beaten in the other",
                             std::move(chart)});
  return section;
}

}  // namespace pagoda::report
