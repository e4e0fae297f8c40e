// Designs that no other beats in both of two figures.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sc_main/report/study.h"

namespace pagoda::report {

/// A figure of designs that is to be small or large: a statistic, or a parameter that is a number.
struct Objective {
  bool is_parameter = false;
  std::size_t index = 0;
  bool maximise = false;
};

/// Indices among `cells`, by ascending first objective. Designs without either figure are left out.
std::vector<std::size_t> pareto_front(const Study& study, const std::vector<Cell>& cells,
                                      const std::pair<Objective, Objective>& objectives);
/// What the design of a place on the front is called: A, B and so on.
std::string front_label(std::size_t place);
double objective_value(const Study& study, const Cell& cell, const Objective& objective);
std::string objective_name(const Study& study, const Objective& objective);

}  // namespace pagoda::report
