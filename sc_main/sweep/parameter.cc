#include "sc_main/sweep/parameter.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "platforms/platform_config.h"

namespace pagoda {
namespace {

bool is_none(const ConfigNode& value) {
  return value.kind == ConfigNode::Kind::null || (value.kind == ConfigNode::Kind::scalar && value.scalar == "none");
}

}  // namespace

std::string one_line(const ConfigNode& value) {
  std::vector<std::string> parts;
  switch (value.kind) {
    case ConfigNode::Kind::null: return "none";
    case ConfigNode::Kind::scalar: return value.scalar;
    case ConfigNode::Kind::sequence:
      for (const ConfigNode& item : value.items) parts.push_back(one_line(item));
      return fmt::format("[{}]", fmt::join(parts, ", "));
    case ConfigNode::Kind::map:
      for (const ConfigMember& member : value.members) parts.push_back(member.key + ": " + one_line(member.value));
      return fmt::format("{{{}}}", fmt::join(parts, ", "));
  }
  return {};
}

Parameter::Parameter(const AxisConfig& config, const ConfigNode& node, const std::string& position)
    : path_(config.path), name_(config.name.empty() ? config.path : config.name), description_(config.description) {
  const ConfigNode* path = node.find("path");
  where_ = path == nullptr ? node.where : path->where;
  const ConfigTarget target = find_config(PlatformConfig::config_info(), path_, where_);
  if (target.field == nullptr) throw UserError(where_, position + ".path", "names the whole platform", "");
  type_ = target.field->type.get();
  if (description_.empty()) description_ = target.field->meaning;
  if (config.values.empty()) {
    take_range(config, node, position);
  } else {
    take_list(config.values);
  }
}

void Parameter::take_list(const std::vector<ConfigNode>& values) {
  values_ = values;
  bool first = true;
  numeric_ = true;
  for (const ConfigNode& value : values_) {
    if (is_none(value)) continue;
    const std::optional<ConfigNumber> number = type_->number(value, path_);
    numeric_ = numeric_ && number && (first || number->unit == unit_);
    if (number) unit_ = number->unit;
    first = false;
  }
  numeric_ = numeric_ && !first;
  if (!numeric_) unit_.clear();
}

void Parameter::take_range(const AxisConfig& config, const ConfigNode& node, const std::string& position) {
  is_range_ = true;
  spacing_ = config.spacing;
  const std::optional<ConfigNumber> from = type_->number(config.from, path_);
  const std::optional<ConfigNumber> to = type_->number(config.to, path_);
  if (!from || !to) {
    throw UserError(config.from.where, position + ".from", fmt::format("{} has no range", path_),
                    fmt::format("allowed: a list of values, each {}", type_->allowed()));
  }
  if (from->unit != to->unit) {
    throw UserError(config.to.where, position + ".to", "has another unit than the range's other end",
                    fmt::format("allowed: {}", from->unit));
  }
  if (spacing_ == Spacing::logarithmic && !(from->value > 0 && to->value > 0)) {
    throw UserError(config.from.where, position + ".spacing", "a logarithmic range reaches 0",
                    "allowed: ends above 0, or spacing: linear");
  }
  from_ = from->value;
  to_ = to->value;
  unit_ = from->unit;
  numeric_ = true;
  for (std::uint32_t i = 0; i < config.steps; ++i) {
    ConfigNode value = between(static_cast<double>(i) / (config.steps - 1));
    value.where = where_;
    if (!values_.empty() && values_.back().scalar == value.scalar) {
      const ConfigNode* steps = node.find("steps");
      throw UserError(steps->where, position + ".steps",
                      fmt::format("{} steps from {} to {} are not all different", config.steps, one_line(config.from),
                                  one_line(config.to)),
                      "allowed: fewer of them");
    }
    values_.push_back(std::move(value));
  }
}

ConfigNode Parameter::between(double part) const {
  // The ends are taken as they are: no power or sum of roundings comes near them.
  double number = to_;
  if (part <= 0) {
    number = from_;
  } else if (part < 1) {
    number = spacing_ == Spacing::linear ? from_ + part * (to_ - from_) : from_ * std::pow(to_ / from_, part);
  }
  return type_->nearest({number, unit_});
}

ConfigNode Parameter::value_at(double part) const {
  if (!values_.empty()) {
    const auto number = static_cast<std::size_t>(part * static_cast<double>(values_.size()));
    return values_[std::min(number, values_.size() - 1)];
  }
  ConfigNode value = between(part);
  value.where = where_;
  return value;
}

bool Parameter::shown_as_number(const ConfigNode& value) const { return numeric_ && !is_none(value); }

std::string Parameter::shown(const ConfigNode& value) const {
  if (!shown_as_number(value)) return one_line(value);
  return fmt::format("{}", type_->number(value, path_)->value);
}

}  // namespace pagoda
