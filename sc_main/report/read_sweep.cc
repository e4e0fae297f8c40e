#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/error.h"
#include "sc_main/report/axis.h"
#include "sc_main/report/files.h"
#include "sc_main/report/read_results.h"

namespace pagoda::report {
namespace {

using Json = nlohmann::json;

// Parameters that every point has before its axes.
enum : std::size_t { kPlatform, kVariant, kFirstAxis };

/// results.json, with messages that say what is missing where.
class SweepReader {
 public:
  SweepReader(const Json& root, std::string file) : root_(root), file_(std::move(file)) {}

  Study read() {
    if (const Json& format = member(root_, "pagoda_sweep", "the file"); format != 1) {
      fail(fmt::format("is of another format than 1: {}", format.dump()));
    }
    study_.kind = StudyKind::sweep;
    study_.title = text(root_, "name", "the file");
    study_.description = text(root_, "description", "the file");
    for (const char* name : {"platform", "variant"}) study_.parameters.push_back({.name = name});
    read_columns();
    for (const Json& point : list(root_, "points", "the file")) read_point(point);
    read_facts();
    read_choice();
    return std::move(study_);
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { throw UserError({file_, 0}, problem); }

  const Json& member(const Json& object, const char* key, const std::string& what) const {
    if (!object.is_object()) fail(what + " is no object");
    const auto found = object.find(key);
    if (found == object.end()) fail(fmt::format("{} has no `{}`", what, key));
    return *found;
  }
  std::string text(const Json& object, const char* key, const std::string& what) const {
    const Json& value = member(object, key, what);
    if (!value.is_string()) fail(fmt::format("`{}` of {} is no text", key, what));
    return value.get<std::string>();
  }
  const Json& list(const Json& object, const char* key, const std::string& what) const {
    const Json& value = member(object, key, what);
    if (!value.is_array()) fail(fmt::format("`{}` of {} is no list", key, what));
    return value;
  }

  void read_columns() {
    for (const Json& platform : list(root_, "platforms", "the file")) {
      const std::string name = text(platform, "name", "a platform");
      study_.parameters[kPlatform].index_of(name);
      for (const Json& variant : list(platform, "variants", "a platform")) {
        study_.parameters[kVariant].index_of(text(variant, "name", "a variant"));
      }
    }
    for (const Json& parameter : list(root_, "parameters", "the file")) {
      Parameter column{.name = text(parameter, "name", "a parameter"),
                       .values = {},
                       .description = text(parameter, "description", "a parameter"),
                       .unit = text(parameter, "unit", "a parameter"),
                       .numbers = {}};
      const Json& axis = member(parameter, "together", "a parameter");
      if (!axis.is_number_unsigned()) fail("`together` of a parameter is no number of an axis");
      column.axis = axis.get<std::size_t>();
      for (const Json& value : list(parameter, "values", "a parameter")) {
        if (!value.is_string()) fail("a value of a parameter is no text");
        column.values.push_back(value.get<std::string>());
      }
      study_.parameters.push_back(std::move(column));
    }
    for (const Json& statistic : list(root_, "statistics", "the file")) {
      study_.statistics.push_back({text(statistic, "name", "a statistic"), text(statistic, "unit", "a statistic"),
                                   text(statistic, "description", "a statistic")});
    }
  }

  // The value of a parameter at a point: the one of the parameter's list that says the same, so that it is shown as it
  // was written.
  std::size_t setting(Parameter& parameter, const Json& value) const {
    if (value.is_string()) return parameter.index_of(value.get<std::string>());
    if (value.is_null()) return parameter.index_of("none");
    if (!value.is_number()) fail(fmt::format("a point's `{}` is neither number nor text", parameter.name));
    const double number = value.get<double>();
    if (parameter.numbers.size() != parameter.values.size()) parameter.numbers = numbers_of(parameter);
    const auto same = [&](double other) { return std::abs(other - number) <= 1e-9 * std::abs(number); };
    const auto found = std::find_if(parameter.numbers.begin(), parameter.numbers.end(), same);
    if (found != parameter.numbers.end()) return static_cast<std::size_t>(found - parameter.numbers.begin());
    parameter.values.push_back(parameter.unit.empty() ? value.dump() : value.dump() + " " + parameter.unit);
    parameter.numbers.push_back(number);
    return parameter.values.size() - 1;
  }

  void read_point(const Json& json) {
    Point point;
    point.name = member(json, "point", "a point").dump();
    const std::string what = "point " + point.name;
    point.folder = text(json, "folder", what);
    const std::string status = text(json, "status", what);
    point.done = status == "done";
    point.outcome = status;
    point.reason = text(json, "reason", what);
    point.seed = member(json, "seed", what).dump();
    point.settings = {study_.parameters[kPlatform].index_of(text(json, "platform", what)),
                      study_.parameters[kVariant].index_of(text(json, "variant", what))};
    const Json& parameters = list(json, "parameters", what);
    const Json& statistics = list(json, "statistics", what);
    if (parameters.size() + kFirstAxis != study_.parameters.size()) fail(what + " has another number of parameters");
    if (statistics.size() != study_.statistics.size()) fail(what + " has another number of statistics");
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      point.settings.push_back(setting(study_.parameters[kFirstAxis + i], parameters[i]));
    }
    for (const Json& value : statistics) {
      if (!value.is_number() && !value.is_null()) fail(what + " has a statistic that is no number");
      point.values.push_back(value.is_number() ? value.get<double>() : kMissing);
    }
    study_.points.push_back(std::move(point));
  }

  void read_facts() {
    study_.facts.push_back({"Pagoda version", text(root_, "version", "the file")});
    for (const Json& platform : list(root_, "platforms", "the file")) {
      study_.facts.push_back(
          {"platform " + text(platform, "name", "a platform"), text(platform, "description", "a platform")});
      for (const Json& variant : list(platform, "variants", "a platform")) {
        const std::string name = text(variant, "name", "a variant");
        if (!name.empty()) study_.facts.push_back({"variant " + name, text(variant, "description", "a variant")});
      }
    }
    for (std::size_t i = kFirstAxis; i < study_.parameters.size(); ++i) {
      const Parameter& parameter = study_.parameters[i];
      constexpr std::size_t kMostValues = 16;
      const bool all = parameter.values.size() <= kMostValues;
      std::string values = all ? fmt::format("{}", fmt::join(parameter.values, ", "))
                               : fmt::format("{} values", parameter.values.size());
      if (!parameter.description.empty()) values += " (" + parameter.description + ")";
      study_.facts.push_back({"axis " + parameter.name, values});
    }
    study_.facts.push_back({"sampling", text(root_, "sampling", "the file")});
    study_.facts.push_back({"repeats of each design", member(root_, "repeats", "the file").dump()});
  }

  std::vector<std::string> texts(const Json& object, const char* key) const {
    std::vector<std::string> result;
    if (!object.contains(key)) return result;
    for (const Json& value : list(object, key, "`report`")) {
      if (!value.is_string()) fail(fmt::format("`{}` of `report` holds something that is no text", key));
      result.push_back(value.get<std::string>());
    }
    return result;
  }

  void read_choice() {
    const auto found = root_.find("report");
    if (found == root_.end()) return;
    if (!found->is_object()) fail("`report` is no object");
    if (found->contains("x")) study_.choice.x = text(*found, "x", "`report`");
    study_.choice.y = texts(*found, "y");
    study_.choice.groups = texts(*found, "group");
    study_.choice.pareto = texts(*found, "pareto");
  }

  const Json& root_;
  std::string file_;
  Study study_;
};

}  // namespace

Study parse_sweep(std::string_view text, const std::string& file) {
  return SweepReader(parse_json(text, file), file).read();
}

}  // namespace pagoda::report
