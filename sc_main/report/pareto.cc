#include "sc_main/report/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sc_main/report/axis.h"

namespace pagoda::report {

std::string front_label(std::size_t place) {
  constexpr std::size_t kLetters = 26;
  const std::string letter(1, static_cast<char>('A' + place % kLetters));
  return place < kLetters ? letter : letter + std::to_string(place / kLetters);
}

double objective_value(const Study& study, const Cell& cell, const Objective& objective) {
  if (!objective.is_parameter) return study.spread(cell, objective.index).mean;
  const Parameter& parameter = study.parameters[objective.index];
  return parse_quantity(parameter.values[cell.settings[objective.index]]).value;
}

std::string objective_name(const Study& study, const Objective& objective) {
  return objective.is_parameter ? study.parameters[objective.index].name : study.statistics[objective.index].name;
}

std::vector<std::size_t> pareto_front(const Study& study, const std::vector<Cell>& cells,
                                      const std::pair<Objective, Objective>& objectives) {
  struct Design {
    std::size_t cell;
    double first, second;  // less is better
  };
  const auto cost = [&](const Cell& cell, const Objective& objective) {
    const double value = objective_value(study, cell, objective);
    return objective.maximise ? -value : value;
  };
  std::vector<Design> designs;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Design design{i, cost(cells[i], objectives.first), cost(cells[i], objectives.second)};
    if (std::isfinite(design.first) && std::isfinite(design.second)) designs.push_back(design);
  }
  std::stable_sort(designs.begin(), designs.end(), [](const Design& a, const Design& b) {
    return a.first != b.first ? a.first < b.first : a.second < b.second;
  });
  std::vector<std::size_t> front;
  double best = std::numeric_limits<double>::infinity();
  double best_first = kMissing;
  for (const Design& design : designs) {
    const bool equal_to_last = !front.empty() && design.first == best_first && design.second == best;
    if (design.second >= best && !equal_to_last) continue;
    front.push_back(design.cell);
    best = design.second;
    best_first = design.first;
  }
  if (objectives.first.maximise) std::reverse(front.begin(), front.end());
  return front;
}

}  // namespace pagoda::report
