#include "sc_main/sweep/results.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/csv.h"
#include "pagoda/base/error.h"
#include "sc_main/sweep/files.h"
#include "sc_main/sweep/glob.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kInvariantViolated = 3;

// The text of a field that may be quoted.
std::string unquoted(std::string_view field, const std::string& file) {
  std::vector<std::string> fields;
  CsvReader(field, file).next(fields);
  return fields.empty() ? std::string() : fields.front();
}

// What is kept of a point: which columns it has, in the order of its stats.csv, and their values.
struct Row {
  PointRecord record;
  std::size_t layout = 0;
  std::string values;  // each ended by a comma
};

class Table {
 public:
  Table(const SweepPlan& plan, const SweepFolder& folder)
      : plan_(plan), folder_(folder), columns_(plan.config().statistics), rows_(plan.size()) {
    for (const std::size_t number : folder.finished()) read(number);
  }

  SweepOutcome outcome() const;
  void write_csv(std::ostream& out) const;
  void write_json(std::ostream& out) const;

 private:
  void read(std::size_t number);
  std::size_t layout_of(std::vector<std::size_t> columns);
  // The values of a row in the order of `order`; empty where there is none.
  std::vector<std::string_view> in_order(const Row& row, const std::vector<std::size_t>& order) const;
  Json head() const;
  Json parameter_json(std::size_t number) const;
  Json point_json(std::size_t number, const std::vector<std::size_t>& order) const;
  std::uint64_t seed_of(std::size_t number) const;

  const SweepPlan& plan_;
  const SweepFolder& folder_;
  StatisticColumns columns_;
  std::vector<Row> rows_;
  std::vector<std::vector<std::size_t>> layouts_;
};

void Table::read(std::size_t number) {
  const fs::path path = folder_.point_path(number);
  const std::optional<PointRecord> record = read_record(path);
  if (!record) throw UserError({(path / "point.json").string(), 0}, "cannot be read; remove its folder and resume");
  Row& row = rows_[number];
  row.record = *record;
  row.record.content.clear();
  row.record.key.clear();
  if (record->status != PointStatus::done) return;
  const std::string text = required_text_of(path / "stats.csv");
  std::vector<std::size_t> columns;
  std::string_view rest = text;
  bool header = true;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (std::exchange(header, false)) continue;
    // name,value,unit,description: the first three never need quotes.
    const std::size_t value = line.find(',') + 1;
    const std::size_t unit = line.find(',', value) + 1;
    const std::size_t description = line.find(',', unit) + 1;
    const std::size_t column = columns_.column_of(line.substr(0, value - 1), line.substr(unit, description - unit - 1),
                                                  line.substr(description));
    if (column == StatisticColumns::kNone) continue;
    columns.push_back(column);
    row.values += line.substr(value, unit - value);
  }
  row.values.shrink_to_fit();
  row.layout = layout_of(std::move(columns));
}

std::size_t Table::layout_of(std::vector<std::size_t> columns) {
  // Points of one platform have the same statistics, as a rule those of the point before.
  for (std::size_t i = layouts_.size(); i > 0; --i) {
    if (layouts_[i - 1] == columns) return i - 1;
  }
  layouts_.push_back(std::move(columns));
  return layouts_.size() - 1;
}

std::vector<std::string_view> Table::in_order(const Row& row, const std::vector<std::size_t>& order) const {
  std::vector<std::string_view> values(columns_.columns().size());
  if (row.record.status == PointStatus::done) {
    std::string_view rest = row.values;
    for (const std::size_t column : layouts_[row.layout]) {
      const std::size_t end = rest.find(',');
      values[column] = rest.substr(0, end);
      rest.remove_prefix(end + 1);
    }
  }
  std::vector<std::string_view> ordered;
  for (const std::size_t column : order) ordered.push_back(values[column]);
  return ordered;
}

std::uint64_t Table::seed_of(std::size_t number) const {
  const PointRecord& record = rows_[number].record;
  return record.status == PointStatus::missing ? plan_.resolve(plan_.point(number)).seed : record.seed;
}

SweepOutcome Table::outcome() const {
  SweepOutcome outcome;
  for (const Row& row : rows_) {
    switch (row.record.status) {
      case PointStatus::done: ++outcome.done; break;
      case PointStatus::failed:
        ++outcome.failed;
        if (row.record.exit_status == kInvariantViolated) ++outcome.violated;
        break;
      case PointStatus::lost: ++outcome.lost; break;
      case PointStatus::missing: ++outcome.missing; break;
    }
  }
  return outcome;
}

void Table::write_csv(std::ostream& out) const {
  const std::vector<std::size_t> order = columns_.order();
  out << "point,platform,variant,repeat,seed";
  for (const Parameter& parameter : plan_.parameters()) out << ',' << csv_field(parameter.name());
  out << ",status,reason";
  for (const std::size_t column : order) out << ',' << csv_field(columns_.columns()[column].name);
  out << '\n';
  for (std::size_t number = 0; number < rows_.size(); ++number) {
    const Point point = plan_.point(number);
    const PointRecord& record = rows_[number].record;
    out << number << ',' << csv_field(plan_.platforms()[point.platform].name) << ','
        << csv_field(plan_.variant_name(point)) << ',' << point.repeat << ',' << seed_of(number);
    const std::vector<ConfigNode> values = plan_.values(point);
    for (std::size_t i = 0; i < values.size(); ++i) out << ',' << csv_field(plan_.parameters()[i].shown(values[i]));
    out << ',' << to_string(record.status) << ',' << csv_field(record.reason);
    for (const std::string_view value : in_order(rows_[number], order)) out << ',' << value;
    out << '\n';
  }
}

Json Table::parameter_json(std::size_t number) const {
  const Parameter& parameter = plan_.parameters()[number];
  Json values = Json::array();
  for (std::size_t i = 0; i < parameter.size(); ++i) values.push_back(one_line(parameter.value(i)));
  const char* spacing = "list";
  if (parameter.is_range()) spacing = parameter.spacing() == Spacing::linear ? "linear" : "logarithmic";
  return {
      {"name", parameter.name()},          {"path", parameter.path()},       {"description", parameter.description()},
      {"unit", parameter.unit()},          {"numeric", parameter.numeric()}, {"spacing", spacing},
      {"together", plan_.axis_of(number)}, {"values", std::move(values)}};
}

Json Table::head() const {
  const SweepConfig& config = plan_.config();
  Json platforms = Json::array();
  for (const SweepPlan::PlatformEntry& platform : plan_.platforms()) {
    Json variants = Json::array();
    for (const VariantConfig& variant : platform.variants) {
      variants.push_back({{"name", variant.name}, {"description", variant.description}});
    }
    platforms.push_back(
        {{"name", platform.name}, {"description", platform.description}, {"variants", std::move(variants)}});
  }
  Json parameters = Json::array();
  for (std::size_t i = 0; i < plan_.parameters().size(); ++i) parameters.push_back(parameter_json(i));
  Json statistics = Json::array();
  for (const std::size_t column : columns_.order()) {
    const StatisticColumns::Column& c = columns_.columns()[column];
    statistics.push_back({{"name", c.name}, {"unit", c.unit}, {"description", c.description}});
  }
  return {{"pagoda_sweep", 1},
          {"name", config.name},
          {"description", config.description},
          {"version", folder_.manifest().version},
          {"sampling", to_node(config.sampling).find("kind")->scalar},
          {"repeats", config.repeats},
          {"platforms", std::move(platforms)},
          {"parameters", std::move(parameters)},
          {"statistics", std::move(statistics)},
          {"report",
           {{"x", config.report.x},
            {"y", config.report.y},
            {"group", config.report.group},
            {"pareto", config.report.pareto}}}};
}

Json Table::point_json(std::size_t number, const std::vector<std::size_t>& order) const {
  const Point point = plan_.point(number);
  const PointRecord& record = rows_[number].record;
  Json parameters = Json::array();
  const std::vector<ConfigNode> values = plan_.values(point);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Parameter& parameter = plan_.parameters()[i];
    const std::string shown = parameter.shown(values[i]);
    parameters.push_back(parameter.shown_as_number(values[i]) ? Json::parse(shown) : Json(shown));
  }
  Json statistics = Json::array();
  for (const std::string_view value : in_order(rows_[number], order)) {
    Json parsed = Json::parse(value, nullptr, false);  // nothing, or nan: null
    statistics.push_back(parsed.is_number() ? std::move(parsed) : Json());
  }
  return {{"point", number},
          {"folder", folder_.point_name(number)},
          {"platform", plan_.platforms()[point.platform].name},
          {"variant", plan_.variant_name(point)},
          {"repeat", point.repeat},
          {"seed", seed_of(number)},
          {"status", to_string(record.status)},
          {"reason", record.reason},
          {"parameters", std::move(parameters)},
          {"statistics", std::move(statistics)}};
}

// The head is printed for people, the points one per line: a sweep may have many.
void Table::write_json(std::ostream& out) const {
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  std::string text = head().dump(2, ' ', false, kReplace);
  text.resize(text.size() - 2);  // the end of the object
  out << text << ",\n  \"points\": [";
  const std::vector<std::size_t> order = columns_.order();
  for (std::size_t number = 0; number < rows_.size(); ++number) {
    out << (number == 0 ? "\n    " : ",\n    ") << point_json(number, order).dump(-1, ' ', false, kReplace);
  }
  out << "\n  ]\n}\n";
}

void write_by_rename(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  const fs::path fresh = path.parent_path() / ("." + path.filename().string());
  std::ofstream file(fresh, std::ios::binary);
  write(file);
  file.close();
  std::error_code error;
  if (file) fs::rename(fresh, path, error);
  if (!file || error) throw UserError({path.string(), 0}, "cannot be written; is the disk full?");
}

}  // namespace

StatisticColumns::StatisticColumns(const std::vector<std::string>& patterns) : patterns_(patterns) {
  if (patterns_.empty()) patterns_.emplace_back("*");
}

std::size_t StatisticColumns::column_of(std::string_view name, std::string_view unit, std::string_view description) {
  if (const auto known = known_.find(name); known != known_.end()) return known->second;
  std::size_t column = kNone;
  for (std::size_t i = 0; i < patterns_.size() && column == kNone; ++i) {
    if (!glob_matches(patterns_[i], name)) continue;
    column = columns_.size();
    columns_.push_back({std::string(name), std::string(unit), unquoted(description, "stats.csv"), i});
  }
  known_.emplace(name, column);
  return column;
}

std::vector<std::size_t> StatisticColumns::order() const {
  std::vector<std::size_t> order(columns_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return columns_[a].pattern < columns_[b].pattern; });
  return order;
}

SweepOutcome write_results(const SweepPlan& plan, const SweepFolder& folder) {
  const Table table(plan, folder);
  write_by_rename(folder.path() / "results.csv", [&](std::ostream& out) { table.write_csv(out); });
  write_by_rename(folder.path() / "results.json", [&](std::ostream& out) { table.write_json(out); });
  return table.outcome();
}

}  // namespace pagoda
