#include "sc_main/report/tables.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "sc_main/report/axis.h"
#include "sc_main/report/sections.h"
#include "sc_main/report/table_writer.h"

namespace pagoda::report {
namespace {

using Column = TableWriter::Column;

constexpr std::size_t kMostBeside = 8;    // variants that fit beside each other
constexpr std::size_t kMostColumns = 14;  // statistics of points that fit a page

std::string with_unit(const Statistic& statistic) {
  return statistic.unit.empty() ? statistic.name : fmt::format("{}, {}", statistic.name, statistic.unit);
}

Column column_of(const Statistic& statistic) { return {with_unit(statistic), true, statistic.description}; }

// Values of all points, each with its ratio to the first.
void add_values(TableWriter& table, const Study& study, std::size_t statistic) {
  const double first = study.points.front().values[statistic];
  for (const Point& point : study.points) {
    const double value = point.values[statistic];
    table.number(value, &point == &study.points.front() ? "" : ratio_text(ratio_to(first, value)));
  }
}

bool says_something(const Study& study, std::size_t statistic) {
  return std::any_of(study.points.begin(), study.points.end(), [&](const Point& point) {
    return !std::isnan(point.values[statistic]) && point.values[statistic] != 0;
  });
}

std::string variants_below(const Study& study, const Plan& plan) {
  std::vector<Column> columns{{"variant"}};
  for (const std::size_t y : plan.y) columns.push_back(column_of(study.statistics[y]));
  TableWriter table(columns, true);
  for (const Point& point : study.points) {
    table.begin_row();
    table.text(point.name);
    for (const std::size_t y : plan.y) {
      const bool baseline = &point == &study.points.front();
      table.number(point.values[y],
                   baseline ? "" : ratio_text(ratio_to(study.points.front().values[y], point.values[y])));
    }
  }
  return table.finish();
}

}  // namespace

std::string facts_table(const Study& study) {
  TableWriter table({}, false);
  for (const Fact& fact : study.facts) {
    table.begin_row();
    table.text(fact.name);
    table.text(fact.value);
  }
  return table.finish();
}

std::string differences_table(const Study& study) {
  constexpr std::size_t kMostRows = 40;
  if (study.differences.empty() || study.points.size() > kMostBeside || study.differences.size() > kMostRows) return {};
  std::vector<Column> columns{{"setting"}};
  for (const Point& point : study.points) columns.push_back({point.name});
  TableWriter table(columns, false);
  for (const Difference& difference : study.differences) {
    table.begin_row();
    table.text(difference.key);
    for (const std::string& value : difference.values) table.text(value.empty() ? "-" : value);
  }
  return table.finish();
}

std::string headline_table(const Study& study, const Plan& plan, const Headlines& headlines) {
  if (study.kind == StudyKind::sweep) return {};
  if (study.points.size() > kMostBeside) return variants_below(study, plan);
  std::vector<Column> columns{{"statistic"}};
  for (const Point& point : study.points) columns.push_back({point.name, true});
  columns.push_back({"what it is"});
  TableWriter table(columns, false);
  std::vector<std::size_t> rows;
  for (const Headline& headline : headlines.all) {
    const std::size_t statistic = study.find_statistic(with_first_device(headline.statistic, study.statistics));
    if (statistic != kNone && says_something(study, statistic)) rows.push_back(statistic);
  }
  for (const std::size_t y : plan.y) {
    if (std::find(rows.begin(), rows.end(), y) == rows.end()) rows.insert(rows.begin(), y);
  }
  for (const std::size_t statistic : rows) {
    table.begin_row();
    table.text(with_unit(study.statistics[statistic]));
    add_values(table, study, statistic);
    table.text(study.statistics[statistic].description);
  }
  return table.finish();
}

std::string mean_ratio_table(const Study& study, const Plan& plan) {
  const std::size_t variant = variant_parameter(study);
  if (study.kind != StudyKind::sweep || variant == kNone) return {};
  const std::vector<Cell> cells = study.cells();
  const std::vector<std::size_t> baseline = baselines(study, cells);
  std::vector<Column> columns{{"variant"}, {"designs compared", true}};
  for (const std::size_t y : plan.y) columns.push_back(column_of(study.statistics[y]));
  TableWriter table(columns, false);
  bool any = false;
  for (std::size_t value = 0; value < study.parameters[variant].values.size(); ++value) {
    std::vector<std::size_t> compared;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].settings[variant] == value && baseline[i] != kNone && baseline[i] != i) compared.push_back(i);
    }
    if (compared.empty()) continue;
    any = true;
    table.begin_row();
    table.text(study.parameters[variant].values[value]);
    table.number(static_cast<double>(compared.size()));
    for (const std::size_t y : plan.y) {
      std::vector<double> logs;
      for (const std::size_t i : compared) {
        const double one = ratio_to(study.spread(cells[baseline[i]], y).mean, study.spread(cells[i], y).mean);
        if (std::isfinite(one) && one > 0) logs.push_back(std::log(one));
      }
      const Spread spread = Spread::of(logs);
      table.number(std::exp(spread.mean),
                   spread.count > 1 ? fmt::format("{:.3g} to {:.3g}", std::exp(spread.min), std::exp(spread.max)) : "");
    }
  }
  return any ? table.finish() : "";
}

std::string front_table(const Study& study, const Plan& plan) {
  if (!plan.pareto) return {};
  const std::vector<Cell> cells = study.cells();
  const std::vector<std::size_t> front = pareto_front(study, cells, *plan.pareto);
  if (front.empty()) return {};
  const std::vector<std::size_t> varying = study.varying();
  std::vector<Column> columns{{"design"}};
  for (const std::size_t parameter : varying) columns.push_back({study.parameters[parameter].name});
  for (const Objective& objective : {plan.pareto->first, plan.pareto->second}) {
    if (!objective.is_parameter) columns.push_back(column_of(study.statistics[objective.index]));
  }
  TableWriter table(columns, true);
  for (std::size_t place = 0; place < front.size(); ++place) {
    const std::size_t cell = front[place];
    table.begin_row();
    table.text(front_label(place));
    for (const std::size_t parameter : varying) {
      table.text(study.parameters[parameter].values[cells[cell].settings[parameter]]);
    }
    for (const Objective& objective : {plan.pareto->first, plan.pareto->second}) {
      if (!objective.is_parameter) table.number(objective_value(study, cells[cell], objective));
    }
  }
  return table.finish();
}

std::string spread_table(const Study& study, const Plan& plan) {
  if (!study.repeated()) return {};
  const std::vector<Cell> cells = study.cells();
  const std::vector<std::size_t> varying = study.varying();
  TableWriter table({{"statistic"},
                     {"repeats", true, "the most that a design has"},
                     {"median spread, %", true, "standard deviation over mean, the middle one of all designs"},
                     {"largest spread, %", true, "the largest of all designs"},
                     {"where it is largest"}},
                    true);
  for (const std::size_t y : plan.y) {
    std::vector<double> relative;
    std::size_t repeats = 0;
    std::size_t widest = kNone;
    double largest = -1;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Spread spread = study.spread(cells[i], y);
      repeats = std::max(repeats, spread.count);
      if (spread.count < 2 || spread.mean == 0) continue;
      relative.push_back(100 * spread.deviation / std::abs(spread.mean));
      if (relative.back() > largest) {
        largest = relative.back();
        widest = i;
      }
    }
    if (relative.empty()) continue;
    const auto middle = relative.begin() + static_cast<std::ptrdiff_t>(relative.size() / 2);
    std::nth_element(relative.begin(), middle, relative.end());
    table.begin_row();
    table.text(with_unit(study.statistics[y]));
    table.number(static_cast<double>(repeats));
    table.number(*middle);
    table.number(largest);
    table.text(largest > 0 ? study.label(cells[widest].settings, varying) : "");
  }
  return table.finish();
}

std::string failed_table(const Study& study) {
  const std::vector<std::size_t> varying = study.varying();
  std::vector<Column> columns{{"point"}};
  for (const std::size_t parameter : varying) columns.push_back({study.parameters[parameter].name});
  columns.insert(columns.end(), {{"seed"}, {"what became of it"}, {"reason"}, {"log"}});
  TableWriter table(columns, true);
  bool any = false;
  for (const Point& point : study.points) {
    if (point.done) continue;
    any = true;
    table.begin_row();
    table.text(point.name);
    for (const std::size_t parameter : varying)
      table.text(study.parameters[parameter].values[point.settings[parameter]]);
    table.text(point.seed);
    table.text(point.outcome);
    table.text(point.reason);
    std::error_code ignored;
    const std::filesystem::path log = point.folder / "log.txt";
    table.text(std::filesystem::exists(log, ignored) ? log.string() : "");
  }
  return any ? table.finish() : "";
}

std::string points_table(const Study& study, const Plan& plan) {
  if (study.kind != StudyKind::sweep) return {};
  const std::vector<std::size_t> varying = study.varying();
  std::vector<Column> columns{{"point", true}};
  for (const std::size_t parameter : varying) {
    columns.push_back({study.parameters[parameter].name, false, study.parameters[parameter].description});
  }
  const bool repeated = study.repeated();
  if (repeated) columns.push_back({"seed", true});
  columns.push_back({"status"});
  std::vector<std::size_t> shown = plan.y;
  if (study.statistics.size() <= kMostColumns) {
    shown.clear();
    for (std::size_t i = 0; i < study.statistics.size(); ++i) shown.push_back(i);
  }
  for (const std::size_t statistic : shown) columns.push_back(column_of(study.statistics[statistic]));
  TableWriter table(columns, true);
  std::vector<std::vector<double>> numbers;
  for (const std::size_t parameter : varying) numbers.push_back(numbers_of(study.parameters[parameter]));
  for (const Point& point : study.points) {
    table.begin_row(point.done ? "" : "failed");
    table.number(std::strtod(point.name.c_str(), nullptr));
    for (std::size_t i = 0; i < varying.size(); ++i) {
      const std::size_t setting = point.settings[varying[i]];
      table.text(study.parameters[varying[i]].values[setting], numbers[i][setting]);
    }
    if (repeated) table.number(std::strtod(point.seed.c_str(), nullptr));
    table.text(point.outcome);
    for (const std::size_t statistic : shown) table.number(point.values[statistic]);
  }
  const bool all = shown.size() == study.statistics.size();
  return (all ? "" : "<p>The chosen statistics; results.csv has all of them.</p>\n") + table.finish();
}

std::string statistics_table(const Study& study) {
  if (study.kind == StudyKind::sweep || study.points.size() > kMostBeside) return {};
  std::vector<Column> columns{{"statistic"}};
  for (const Point& point : study.points) columns.push_back({point.name, true});
  columns.insert(columns.end(), {{"unit"}, {"what it is"}});
  TableWriter table(columns, true);
  for (std::size_t i = 0; i < study.statistics.size(); ++i) {
    table.begin_row();
    table.text(study.statistics[i].name);
    add_values(table, study, i);
    table.text(study.statistics[i].unit);
    table.text(study.statistics[i].description);
  }
  return table.finish();
}

}  // namespace pagoda::report
