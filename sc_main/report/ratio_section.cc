#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "sc_main/report/sections.h"

namespace pagoda::report {
namespace {

// Few enough for bars beside each other.
constexpr std::size_t kMostVariants = 6;

Figure ratio_bars(const Study& study, const Plan& plan, const std::vector<Cell>& cells,
                  const std::vector<std::size_t>& baseline, std::size_t variant) {
  BarChart chart;
  chart.rows = plan.labels;
  chart.reference = 1;
  std::vector<double> all;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (baseline[i] == kNone || baseline[i] == i) continue;
    Series series{study.parameters[variant].values[cells[i].settings[variant]], {}};
    for (std::size_t y = 0; y < plan.y.size(); ++y) {
      const double value =
          ratio_to(study.spread(cells[baseline[i]], plan.y[y]).mean, study.spread(cells[i], plan.y[y]).mean);
      if (!std::isfinite(value)) continue;
      series.points.push_back({.x = static_cast<double>(y), .y = value});
      all.push_back(value);
    }
    chart.series.push_back(std::move(series));
  }
  all.push_back(1);
  chart.value =
      value_axis("ratio to " + study.parameters[variant].values[cells[baseline.front()].settings[variant]], "", all);
  chart.value.divisor = 1;
  return {"Ratios to the baseline", "the line is the baseline", std::move(chart)};
}

Figure ratios_along(const Study& study, const Plan& plan, const std::vector<Cell>& cells,
                    const std::vector<std::size_t>& baseline, std::size_t y) {
  const ParameterAxis along = parameter_axis(study.parameters[plan.x]);
  LineChart chart;
  chart.x = along.axis;
  std::vector<double> all;
  for (const Group& group : groups_of(study, plan, cells)) {
    std::vector<ValueAt> values;
    for (const std::size_t cell : group.cells) {
      if (baseline[cell] == kNone || baseline[cell] == cell) continue;
      const double value =
          ratio_to(study.spread(cells[baseline[cell]], plan.y[y]).mean, study.spread(cells[cell], plan.y[y]).mean);
      values.push_back({cells[cell].settings[plan.x], value});
      if (std::isfinite(value)) all.push_back(value);
    }
    if (!values.empty()) chart.series.push_back({group.title, means_along(values, along.positions)});
  }
  chart.y = value_axis(plan.labels[y] + ", ratio to the baseline", "", all);
  chart.y.divisor = 1;
  return {plan.labels[y] + ": ratio to the baseline", "the first variant at the same settings is 1", std::move(chart)};
}

}  // namespace

double ratio_to(double baseline, double value) { return baseline == 0 ? kMissing : value / baseline; }

std::size_t variant_parameter(const Study& study) {
  const std::size_t variant = study.find_parameter("variant");
  if (variant == kNone) return kNone;
  const std::vector<std::size_t> varying = study.varying();
  return std::count(varying.begin(), varying.end(), variant) > 0 ? variant : kNone;
}

std::vector<std::size_t> baselines(const Study& study, const std::vector<Cell>& cells) {
  std::vector<std::size_t> found(cells.size(), kNone);
  const std::size_t variant = variant_parameter(study);
  if (variant == kNone) return found;
  const std::size_t platform = study.find_parameter("platform");
  std::map<std::vector<std::size_t>, std::size_t> first_of_platform;
  const auto platform_of = [&](const std::vector<std::size_t>& settings) {
    return platform == kNone ? std::vector<std::size_t>{} : std::vector<std::size_t>{settings[platform]};
  };
  // All points, not only those done: a baseline that failed is not replaced by another variant.
  for (const Point& point : study.points)
    first_of_platform.try_emplace(platform_of(point.settings), point.settings[variant]);
  std::map<std::vector<std::size_t>, std::size_t> by_settings;
  for (std::size_t i = 0; i < cells.size(); ++i) by_settings[cells[i].settings] = i;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::vector<std::size_t> settings = cells[i].settings;
    settings[variant] = first_of_platform[platform_of(settings)];
    const auto at = by_settings.find(settings);
    if (at != by_settings.end()) found[i] = at->second;
  }
  return found;
}

Section ratio_section(const Study& study, const Plan& plan) {
  Section section{"ratios", "Variants against the baseline", {}, {}};
  const std::size_t variant = variant_parameter(study);
  const std::vector<Cell> cells = study.cells();
  if (variant == kNone || cells.size() < 2) return section;
  const std::vector<std::size_t> baseline = baselines(study, cells);
  const bool compared = [&] {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (baseline[i] != kNone && baseline[i] != i) return true;
    }
    return false;
  }();
  if (!compared) return section;
  const bool grouped_by_variant = std::count(plan.groups.begin(), plan.groups.end(), variant) > 0;
  if (plan.x_is_numeric && grouped_by_variant && !plan.scattered) {
    constexpr std::size_t kMostFigures = 2;
    for (std::size_t y = 0; y < std::min(plan.y.size(), kMostFigures); ++y) {
      section.figures.push_back(ratios_along(study, plan, cells, baseline, y));
    }
  } else if (cells.size() <= kMostVariants && baseline.front() != kNone) {
    section.figures.push_back(ratio_bars(study, plan, cells, baseline, variant));
  }
  return section;
}

}  // namespace pagoda::report
