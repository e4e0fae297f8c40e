#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "sc_main/report/sections.h"

namespace pagoda::report {
namespace {

std::vector<double> values_of(const Study& study, std::size_t statistic) {
  std::vector<double> values;
  for (const Point& point : study.points) {
    if (point.done) values.push_back(point.values[statistic]);
  }
  return values;
}

std::string averaged_text(const Study& study, const Plan& plan) {
  std::vector<std::string> over;
  for (const std::size_t parameter : plan.averaged) over.push_back(study.parameters[parameter].name);
  if (study.repeated()) over.emplace_back("repeats with different seeds");
  if (over.empty() || plan.scattered) return {};
  return fmt::format("Marks are means over {}; bars reach from the least to the largest value.", fmt::join(over, ", "));
}

Figure against_parameter(const Study& study, const Plan& plan, std::size_t y) {
  const std::vector<Cell> cells = study.cells();
  const std::size_t statistic = plan.y[y];
  const ParameterAxis along = parameter_axis(study.parameters[plan.x]);
  LineChart chart;
  chart.x = along.axis;
  chart.y = value_axis(plan.labels[y], study.statistics[statistic].unit, values_of(study, statistic));
  chart.scattered = plan.scattered;
  for (const Group& group : groups_of(study, plan, cells)) {
    Series series{group.title, {}};
    std::vector<ValueAt> values;
    for (const std::size_t cell : group.cells) {
      const std::size_t setting = cells[cell].settings[plan.x];
      for (const std::size_t point : cells[cell].points) {
        values.push_back({setting, study.points[point].values[statistic]});
      }
      if (!plan.scattered) continue;
      // Designs of a sample that share a value differ in others: each has its mark.
      for (const ChartPoint& mark : means_along(values, along.positions)) series.points.push_back(mark);
      values.clear();
    }
    if (!plan.scattered) series.points = means_along(values, along.positions);
    chart.series.push_back(std::move(series));
  }
  return {fmt::format("{} against {}", plan.labels[y], study.parameters[plan.x].name),
          study.statistics[statistic].description, std::move(chart)};
}

Figure as_bars(const Study& study, const Plan& plan, std::size_t y) {
  const std::vector<Cell> cells = study.cells();
  const std::size_t statistic = plan.y[y];
  BarChart chart;
  chart.value = value_axis(plan.labels[y], study.statistics[statistic].unit, values_of(study, statistic));
  std::map<std::size_t, std::size_t> rows;
  for (const Cell& cell : cells) {
    const std::size_t setting = cell.settings[plan.x];
    if (rows.try_emplace(setting, chart.rows.size()).second)
      chart.rows.push_back(study.parameters[plan.x].values[setting]);
  }
  std::vector<double> positions(study.parameters[plan.x].values.size(), kMissing);
  for (const auto& [setting, row] : rows) positions[setting] = static_cast<double>(row);
  for (const Group& group : groups_of(study, plan, cells)) {
    std::vector<ValueAt> values;
    for (const std::size_t cell : group.cells) {
      for (const std::size_t point : cells[cell].points) {
        values.push_back({cells[cell].settings[plan.x], study.points[point].values[statistic]});
      }
    }
    chart.series.push_back({group.title, means_along(values, positions)});
  }
  return {plan.labels[y], study.statistics[statistic].description, std::move(chart)};
}

}  // namespace

std::vector<Group> groups_of(const Study& study, const Plan& plan, const std::vector<Cell>& cells) {
  std::vector<Group> groups;
  std::map<std::vector<std::size_t>, std::size_t> known;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::vector<std::size_t> key;
    for (const std::size_t parameter : plan.groups) key.push_back(cells[i].settings[parameter]);
    const auto [at, is_new] = known.try_emplace(key, groups.size());
    if (is_new) groups.push_back({study.label(cells[i].settings, plan.groups), {}});
    groups[at->second].cells.push_back(i);
  }
  return groups;
}

std::vector<ChartPoint> means_along(const std::vector<ValueAt>& values, const std::vector<double>& positions) {
  std::map<double, std::vector<double>> by_position;
  for (const ValueAt& value : values) {
    if (!std::isnan(value.value)) by_position[positions[value.setting]].push_back(value.value);
  }
  std::vector<ChartPoint> points;
  for (const auto& [position, at] : by_position) {
    const Spread spread = Spread::of(at);
    const bool one = spread.count == 1;
    points.push_back({position, spread.mean, one ? kMissing : spread.min, one ? kMissing : spread.max});
  }
  return points;
}

Section statistics_section(const Study& study, const Plan& plan) {
  Section section{"statistics", "Statistics", averaged_text(study, plan), {}};
  if (plan.x == kNone || study.cells().size() < 2) return section;
  for (std::size_t y = 0; y < plan.y.size(); ++y) {
    section.figures.push_back(plan.x_is_numeric ? against_parameter(study, plan, y) : as_bars(study, plan, y));
  }
  return section;
}

Section heat_section(const Study& study, const Plan& plan) {
  constexpr std::size_t kMostStatistics = 2;
  constexpr std::size_t kMostMaps = 4;
  Section section{"maps", "Two parameters at once", {}, {}};
  if (plan.second == kNone) return section;
  const Parameter& across = study.parameters[plan.x];
  const Parameter& up = study.parameters[plan.second];
  Plan without = plan;
  std::erase(without.groups, plan.second);
  const std::vector<Cell> cells = study.cells();
  std::vector<Group> groups = groups_of(study, without, cells);
  groups.resize(std::min(groups.size(), kMostMaps));
  for (std::size_t y = 0; y < std::min(plan.y.size(), kMostStatistics); ++y) {
    const Statistic& statistic = study.statistics[plan.y[y]];
    for (const Group& group : groups) {
      HeatMap map{across.name,
                  up.name,
                  across.values,
                  up.values,
                  value_axis(plan.labels[y], statistic.unit, values_of(study, plan.y[y])),
                  {}};
      std::vector<std::vector<std::vector<double>>> at(up.values.size(),
                                                       std::vector<std::vector<double>>(across.values.size()));
      for (const std::size_t cell : group.cells) {
        at[cells[cell].settings[plan.second]][cells[cell].settings[plan.x]].push_back(
            study.spread(cells[cell], plan.y[y]).mean);
      }
      for (const auto& row : at) {
        map.values.emplace_back();
        for (const auto& values : row) map.values.back().push_back(Spread::of(values).mean);
      }
      const std::string title = fmt::format("{} by {} and {}", plan.labels[y], across.name, up.name);
      section.figures.push_back(
          {group.title.empty() ? title : title + ": " + group.title, statistic.description, std::move(map)});
    }
  }
  return section;
}

}  // namespace pagoda::report
