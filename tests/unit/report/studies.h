// Studies to test reports with.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sc_main/report/study.h"

namespace pagoda::report::testing {

/// A sweep over these parameters, in the order of a grid; `value` gives the statistics of a point.
template <class Value>
Study grid(std::vector<Parameter> parameters, std::vector<Statistic> statistics, const Value& value,
           std::size_t repeats = 1) {
  Study study;
  study.kind = StudyKind::sweep;
  study.title = "grid";
  study.parameters = std::move(parameters);
  study.statistics = std::move(statistics);
  std::vector<std::size_t> settings(study.parameters.size(), 0);
  while (true) {
    for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
      Point point;
      point.name = std::to_string(study.points.size());
      point.seed = std::to_string(repeat + 1);
      point.settings = settings;
      point.outcome = "done";
      point.values = value(settings, repeat);
      study.points.push_back(std::move(point));
    }
    std::size_t i = settings.size();
    while (i > 0 && ++settings[i - 1] == study.parameters[i - 1].values.size()) settings[--i] = 0;
    if (i == 0) return study;
  }
}

inline Parameter parameter(std::string name, std::vector<std::string> values) {
  return {.name = std::move(name),
          .values = std::move(values),
          .description = {},
          .unit = {},
          .numbers = {},
          .axis = kNone};
}

}  // namespace pagoda::report::testing
