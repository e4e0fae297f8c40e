#include "sc_main/report/study.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "pagoda/base/stats_file.h"

namespace pagoda::report {

std::size_t Parameter::index_of(const std::string& value) {
  const auto found = std::find(values.begin(), values.end(), value);
  if (found != values.end()) return static_cast<std::size_t>(found - values.begin());
  values.push_back(value);
  return values.size() - 1;
}

Spread Spread::of(const std::vector<double>& values) {
  Spread spread;
  double sum = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    spread.min = spread.count == 0 ? value : std::min(spread.min, value);
    spread.max = spread.count == 0 ? value : std::max(spread.max, value);
    sum += value;
    ++spread.count;
  }
  if (spread.count == 0) return spread;
  spread.mean = sum / static_cast<double>(spread.count);
  if (spread.count == 1) return spread;
  double squares = 0;
  for (const double value : values) {
    if (!std::isnan(value)) squares += (value - spread.mean) * (value - spread.mean);
  }
  spread.deviation = std::sqrt(squares / static_cast<double>(spread.count - 1));
  return spread;
}

std::size_t Study::find_parameter(std::string_view name) const {
  const auto found = std::find_if(parameters.begin(), parameters.end(), [&](const auto& p) { return p.name == name; });
  return found == parameters.end() ? kNone : static_cast<std::size_t>(found - parameters.begin());
}

std::size_t Study::find_statistic(std::string_view name) const {
  const auto found = std::find_if(statistics.begin(), statistics.end(), [&](const auto& s) { return s.name == name; });
  return found == statistics.end() ? kNone : static_cast<std::size_t>(found - statistics.begin());
}

std::size_t Study::add_statistic(const Statistic& statistic) {
  const std::size_t known = find_statistic(statistic.name);
  if (known != kNone) return known;
  statistics.push_back(statistic);
  for (Point& point : points) point.values.push_back(kMissing);
  return statistics.size() - 1;
}

std::vector<Cell> Study::cells() const {
  std::vector<Cell> cells;
  std::map<std::vector<std::size_t>, std::size_t> known;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!points[i].done) continue;
    const auto [at, is_new] = known.try_emplace(points[i].settings, cells.size());
    if (is_new) cells.push_back({points[i].settings, {}});
    cells[at->second].points.push_back(i);
  }
  return cells;
}

Spread Study::spread(const Cell& cell, std::size_t statistic) const {
  std::vector<double> values;
  values.reserve(cell.points.size());
  for (const std::size_t point : cell.points) values.push_back(points[point].values[statistic]);
  return Spread::of(values);
}

std::vector<std::size_t> Study::varying() const {
  std::vector<std::size_t> varying;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto differs = [&](const Point& p) { return p.settings[i] != points.front().settings[i]; };
    if (std::any_of(points.begin(), points.end(), differs)) varying.push_back(i);
  }
  return varying;
}

std::string Study::label(const std::vector<std::size_t>& settings, const std::vector<std::size_t>& of) const {
  std::string text;
  for (const std::size_t parameter : of) {
    if (!text.empty()) text += ", ";
    const std::string& value = parameters[parameter].values[settings[parameter]];
    double number = 0;
    // A word or a quantity says what it is, a bare number does not.
    if (parse_number(value, number)) {
      const std::string& name = parameters[parameter].name;
      const std::size_t dot = name.rfind('.');
      text += name.substr(dot == std::string::npos ? 0 : dot + 1) + " ";
    }
    text += value;
  }
  return text;
}

bool Study::repeated() const {
  std::set<std::vector<std::size_t>> seen;
  return std::any_of(points.begin(), points.end(),
                     [&](const Point& point) { return point.done && !seen.insert(point.settings).second; });
}

}  // namespace pagoda::report
