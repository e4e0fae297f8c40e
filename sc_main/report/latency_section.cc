#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "pagoda/base/stats.h"
#include "sc_main/report/read_results.h"
#include "sc_main/report/sections.h"

namespace pagoda::report {
namespace {

constexpr std::size_t kMostDistributions = 4;  // with a figure each
constexpr std::size_t kMostRows = 24;
constexpr std::size_t kMostCurves = 7;  // as many as there are colours

/// The figures of a distribution among the statistics.
struct Summary {
  std::string name;  ///< `cpu0.access_latency`
  std::string unit;
  std::size_t count, min, mean, p50, p95, p99, max;

  bool complete() const {
    const auto parts = {min, mean, p50, p95, p99, max};
    return std::find(parts.begin(), parts.end(), kNone) == parts.end();
  }
};

Summary summary_of(const Study& study, const std::string& name) {
  const auto part = [&](const char* which) { return study.find_statistic(fmt::format("{}.{}", name, which)); };
  Summary summary{name,        "",          part("count"), part("min"), part("mean"),
                  part("p50"), part("p95"), part("p99"),   part("max")};
  if (summary.mean != kNone) summary.unit = study.statistics[summary.mean].unit;
  return summary;
}

// Distributions of times, those of the chosen statistics first.
std::vector<Summary> summaries(const Study& study, const Plan& plan) {
  std::vector<std::string> names;
  const auto consider = [&](const std::string& statistic) {
    const std::size_t dot = statistic.rfind('.');
    if (dot == std::string::npos || study.find_statistic(statistic.substr(0, dot) + ".mean") == kNone) return;
    const std::string name = statistic.substr(0, dot);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const std::size_t y : plan.y) consider(study.statistics[y].name);
  for (const Statistic& statistic : study.statistics) {
    if (statistic.name.ends_with(".mean")) consider(statistic.name);
  }
  std::vector<Summary> found;
  for (const std::string& name : names) {
    Summary summary = summary_of(study, name);
    const auto recorded = [&](const Point& point) { return point.done && point.values[summary.mean] > 0; };
    if (summary.unit == "ns" && std::any_of(study.points.begin(), study.points.end(), recorded)) {
      found.push_back(std::move(summary));
    }
  }
  return found;
}

PercentileChart::Row percentile_row(const Study& study, const Cell& cell, const Summary& summary, std::string label) {
  const auto mean = [&](std::size_t statistic) { return study.spread(cell, statistic).mean; };
  return {std::move(label),  mean(summary.min), mean(summary.p50), mean(summary.p95),
          mean(summary.p99), mean(summary.max), mean(summary.mean)};
}

Figure percentile_figure(std::string title, std::string caption, PercentileChart chart, const std::string& unit) {
  std::vector<double> values;
  for (const PercentileChart::Row& row : chart.rows) {
    for (const double value : {row.min, row.p50, row.p99, row.max}) {
      if (value > 0) values.push_back(value);
    }
  }
  chart.value = value_axis("latency", unit, values);
  // A least latency of 0 has no place on a logarithmic axis.
  for (PercentileChart::Row& row : chart.rows) {
    if (chart.value.log && row.min <= 0) row.min = *std::min_element(values.begin(), values.end());
  }
  return {std::move(title), std::move(caption), std::move(chart)};
}

bool recorded(const PercentileChart::Row& row) { return row.max > 0; }

// All latencies of one run below each other.
Figure percentiles_of_run(const Study& study, const Cell& cell, const std::vector<Summary>& all) {
  PercentileChart chart;
  for (const Summary& summary : all) {
    if (!summary.complete() || chart.rows.size() == kMostRows) continue;
    PercentileChart::Row row = percentile_row(study, cell, summary, summary.name);
    if (recorded(row)) chart.rows.push_back(std::move(row));
  }
  return percentile_figure("Percentiles of latencies", "bars to p50, p95 and p99, a line from the least to the largest",
                           std::move(chart), "ns");
}

Figure percentiles_of_designs(const Study& study, const std::vector<Cell>& cells, const Summary& summary) {
  PercentileChart chart;
  const std::vector<std::size_t> varying = study.varying();
  for (const Cell& cell : cells) {
    PercentileChart::Row row = percentile_row(study, cell, summary, study.label(cell.settings, varying));
    if (recorded(row)) chart.rows.push_back(std::move(row));
  }
  return percentile_figure(summary.name + ": percentiles", study.statistics[summary.mean].description, std::move(chart),
                           summary.unit);
}

Figure percentiles_along(const Study& study, const Plan& plan, const std::vector<Cell>& cells, const Summary& summary) {
  const ParameterAxis along = parameter_axis(study.parameters[plan.x]);
  LineChart chart;
  chart.x = along.axis;
  std::vector<double> all;
  // Three lines each: of the first group and of the last.
  std::vector<Group> groups = groups_of(study, plan, cells);
  if (groups.size() > 2) groups.erase(std::next(groups.begin()), std::prev(groups.end()));
  for (const Group& group : groups) {
    for (const auto& [name, statistic] : {std::pair{"p50", summary.p50}, {"p95", summary.p95}, {"p99", summary.p99}}) {
      if (statistic == kNone) continue;
      std::vector<ValueAt> values;
      for (const std::size_t cell : group.cells) {
        values.push_back({cells[cell].settings[plan.x], study.spread(cells[cell], statistic).mean});
        all.push_back(values.back().value);
      }
      chart.series.push_back({group.title.empty() ? name : fmt::format("{}, {}", name, group.title),
                              means_along(values, along.positions)});
    }
  }
  chart.y = value_axis(summary.name, summary.unit, all);
  return {summary.name + ": percentiles", study.statistics[summary.mean].description, std::move(chart)};
}

// The share of values that are larger, for each value that the run recorded a quantile of.
Series tail(const DistributionLine& line, const std::string& title) {
  Series series{title, {}};
  for (std::size_t i = 0; i < kQuantileFractions.size(); ++i) {
    const double larger = 1 - kQuantileFractions[i];
    if (larger * line.count < 1 || line.quantiles[i] <= 0) continue;
    series.points.push_back({.x = line.quantiles[i], .y = larger});
  }
  return series;
}

Figure tail_figure(const std::string& title, const std::string& caption, std::vector<Series> series) {
  LineChart chart;
  std::vector<double> values;
  for (const Series& one : series) {
    for (const ChartPoint& point : one.points) values.push_back(point.x);
  }
  chart.x = value_axis("latency", "ns", values);
  chart.y = {.label = "share of events that take longer", .log = true};
  chart.series = std::move(series);
  chart.curves = true;
  return {title, caption, std::move(chart)};
}

const DistributionLine* find_line(const std::vector<DistributionLine>& lines, const std::string& name) {
  const auto found = std::find_if(lines.begin(), lines.end(), [&](const auto& line) { return line.name == name; });
  return found == lines.end() ? nullptr : &*found;
}

Figure tails_of_run(const Study& study, const std::vector<Summary>& all) {
  const std::vector<DistributionLine> lines = read_distributions(study.points.front().folder);
  std::vector<Series> series;
  for (const Summary& summary : all) {
    const DistributionLine* line = find_line(lines, summary.name);
    if (line != nullptr && series.size() < kMostCurves) series.push_back(tail(*line, summary.name));
  }
  return tail_figure("Tails of latencies", "how many of a kind take longer than a time", std::move(series));
}

// Of a few designs, evenly spaced among all; the first repeat of each.
Figure tails_of_designs(const Study& study, const std::vector<Cell>& cells, const Summary& summary) {
  const std::size_t count = std::min(cells.size(), kMostCurves);
  const std::vector<std::size_t> varying = study.varying();
  std::vector<Series> series;
  for (std::size_t i = 0; i < count; ++i) {
    const Cell& cell = cells[i * (cells.size() - 1) / (count - 1)];
    const std::vector<DistributionLine> lines = read_distributions(study.points[cell.points.front()].folder);
    const DistributionLine* line = find_line(lines, summary.name);
    if (line != nullptr) series.push_back(tail(*line, study.label(cell.settings, varying)));
  }
  return tail_figure(summary.name + ": tails", study.statistics[summary.mean].description, std::move(series));
}

void add_if_drawn(Section& section, Figure figure) {
  const auto* lines = std::get_if<LineChart>(&figure.chart);
  const auto* rows = std::get_if<PercentileChart>(&figure.chart);
  const bool drawn = lines != nullptr ? std::any_of(lines->series.begin(), lines->series.end(),
                                                    [](const Series& s) { return s.points.size() > 1; })
                                      : !rows->rows.empty();
  if (drawn) section.figures.push_back(std::move(figure));
}

}  // namespace

Section latency_section(const Study& study, const Plan& plan) {
  Section section{"latencies", "Latencies", {}, {}};
  const std::vector<Cell> cells = study.cells();
  const std::vector<Summary> all = summaries(study, plan);
  if (cells.empty() || all.empty()) return section;
  if (cells.size() == 1) {
    add_if_drawn(section, percentiles_of_run(study, cells.front(), all));
    add_if_drawn(section, tails_of_run(study, all));
    return section;
  }
  for (std::size_t i = 0; i < std::min(all.size(), kMostDistributions); ++i) {
    const Summary& summary = all[i];
    if (plan.x_is_numeric && !plan.scattered) {
      add_if_drawn(section, percentiles_along(study, plan, cells, summary));
    } else if (summary.complete() && cells.size() <= kMostRows) {
      add_if_drawn(section, percentiles_of_designs(study, cells, summary));
    }
    if (!plan.scattered) add_if_drawn(section, tails_of_designs(study, cells, summary));
  }
  return section;
}

}  // namespace pagoda::report
