#include "pagoda/base/stats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/csv.h"

namespace pagoda {
namespace {

struct NamedNumber {
  const char* name;
  double DistributionSummary::*member;
};
constexpr std::array kSummaryParts{
    NamedNumber{"mean", &DistributionSummary::mean}, NamedNumber{"min", &DistributionSummary::min},
    NamedNumber{"p50", &DistributionSummary::p50},   NamedNumber{"p95", &DistributionSummary::p95},
    NamedNumber{"p99", &DistributionSummary::p99},   NamedNumber{"max", &DistributionSummary::max}};

nlohmann::ordered_json to_json(const StatNode& node) {
  if (const auto* count = std::get_if<std::uint64_t>(&node.value)) return *count;
  if (const auto* number = std::get_if<double>(&node.value)) return *number;
  if (const auto* summary = std::get_if<DistributionSummary>(&node.value)) {
    nlohmann::ordered_json object = {{"count", summary->count}};
    for (const NamedNumber& part : kSummaryParts) object[part.name] = summary->*part.member;
    return object;
  }
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const StatNode& child : node.children) object[child.name] = to_json(child);
  return object;
}

void append_csv(const StatNode& node, const std::string& path, std::string& out) {
  const auto line = [&](const std::string& name, const auto& value, const std::string& unit) {
    out += fmt::format("{},{},{},{}\n", name, value, unit, csv_field(node.meaning));
  };
  const auto number_or_nothing = [](double value) { return std::isnan(value) ? "" : fmt::format("{}", value); };
  if (const auto* count = std::get_if<std::uint64_t>(&node.value)) line(path, *count, node.unit);
  if (const auto* number = std::get_if<double>(&node.value)) line(path, number_or_nothing(*number), node.unit);
  if (const auto* summary = std::get_if<DistributionSummary>(&node.value)) {
    line(path + ".count", summary->count, "");
    for (const NamedNumber& part : kSummaryParts) {
      line(path + "." + part.name, number_or_nothing(summary->*part.member), node.unit);
    }
  }
  for (const StatNode& child : node.children) {
    append_csv(child, path.empty() ? child.name : path + "." + child.name, out);
  }
}

void append_distributions(const StatNode& node, const std::string& path, std::string& out) {
  if (const auto* summary = std::get_if<DistributionSummary>(&node.value); summary != nullptr && summary->count > 0) {
    out += fmt::format("{},{},{},{}\n", path, node.unit, summary->count, fmt::join(summary->quantiles, ","));
  }
  for (const StatNode& child : node.children) {
    append_distributions(child, path.empty() ? child.name : path + "." + child.name, out);
  }
}

}  // namespace

DistributionSummary DistributionSummary::of(const Distribution& d, double scale) {
  if (d.count() == 0) {
    DistributionSummary nothing;
    for (const NamedNumber& part : kSummaryParts) nothing.*part.member = std::numeric_limits<double>::quiet_NaN();
    return nothing;
  }
  const auto scaled = [scale](std::uint64_t value) { return static_cast<double>(value) / scale; };
  DistributionSummary summary{.count = d.count(),
                              .mean = d.mean() / scale,
                              .min = scaled(d.min()),
                              .p50 = scaled(d.quantile(0.50)),
                              .p95 = scaled(d.quantile(0.95)),
                              .p99 = scaled(d.quantile(0.99)),
                              .max = scaled(d.max()),
                              .quantiles = {}};
  std::array<std::uint64_t, kQuantileFractions.size()> values{};
  d.quantiles(kQuantileFractions, values);
  std::transform(values.begin(), values.end(), summary.quantiles.begin(), scaled);
  summary.quantiles.front() = summary.min;  // a bucket's middle otherwise
  summary.quantiles.back() = summary.max;
  return summary;
}

StatNode& StatNode::child(const std::string& child_name) {
  const auto found =
      std::find_if(children.begin(), children.end(), [&](const StatNode& c) { return c.name == child_name; });
  if (found != children.end()) return *found;
  children.push_back({});
  children.back().name = child_name;
  return children.back();
}

const StatNode* StatNode::find(std::string_view dotted_path) const {
  if (dotted_path.empty()) return this;
  const std::size_t dot = dotted_path.find('.');
  const std::string_view head = dotted_path.substr(0, dot);
  for (const StatNode& candidate : children) {
    if (candidate.name == head) {
      return candidate.find(dot == std::string_view::npos ? std::string_view{} : dotted_path.substr(dot + 1));
    }
  }
  return nullptr;
}

double StatNode::number(std::string_view dotted_path) const {
  const StatNode* node = find(dotted_path);
  std::string_view part;
  if (node == nullptr) {
    const std::size_t dot = dotted_path.rfind('.');
    if (dot == std::string_view::npos) return 0;
    part = dotted_path.substr(dot + 1);
    node = find(dotted_path.substr(0, dot));
    if (node == nullptr) return 0;
  }
  if (const auto* count = std::get_if<std::uint64_t>(&node->value)) return static_cast<double>(*count);
  if (const auto* number = std::get_if<double>(&node->value)) return std::isnan(*number) ? 0 : *number;
  if (const auto* summary = std::get_if<DistributionSummary>(&node->value)) {
    if (part == "count") return static_cast<double>(summary->count);
    for (const NamedNumber& named : kSummaryParts) {
      if (part == named.name) return summary->count == 0 ? 0 : summary->*named.member;
    }
  }
  return 0;
}

void StatReader::add(const char* name, const char* unit, const char* meaning, StatNode::Value value) {
  StatNode& node = open_.back()->child(name);
  node.unit = unit;
  node.meaning = meaning;
  node.value = value;
}

void StatReader::counter(const char* name, std::uint64_t& value, StatUnit unit, const char* meaning) {
  if (unit.scale == 1) {
    add(name, unit.name, meaning, value);
  } else {
    add(name, unit.name, meaning, static_cast<double>(value) / unit.scale);
  }
}

void StatReader::distribution(const char* name, Distribution& value, StatUnit unit, const char* meaning) {
  add(name, unit.name, meaning, DistributionSummary::of(value, unit.scale));
}

void StatReader::value(const char* name, double value, const char* unit, const char* meaning) {
  add(name, unit, meaning, value);
}

std::string stats_json(const StatNode& root) { return to_json(root).dump(2) + "\n"; }

std::string stats_csv(const StatNode& root) {
  std::string text = "name,value,unit,description\n";
  append_csv(root, "", text);
  return text;
}

std::string distributions_csv(const StatNode& root) {
  std::string text = "name,unit,count";
  for (const double fraction : kQuantileFractions) text += fmt::format(",p{:g}", fraction * 100);
  text += "\n";
  append_distributions(root, "", text);
  return text;
}

}  // namespace pagoda
