// A path of the platform that a sweep varies, with the values that it takes: one column of the results.
//
// Values are the platform's own: what a key means (a number, a quantity, a word) comes from the description of the
// platform's configuration. Where every value is a number of one unit, results show plain numbers in that unit (sizes in
// B, durations in ns, frequencies in Hz, rates in GB/s, energies in pJ, latencies in ns or cycles).
// Errors: UserError with the line of the sweep file.
#pragma once

#include <string>
#include <vector>

#include "pagoda/base/config_schema.h"
#include "sc_main/sweep/sweep_config.h"

namespace pagoda {

class Parameter {
 public:
  /// `node` is what `config` was bound from; `position` where that stands in the file: axes.2.together.0.
  Parameter(const AxisConfig& config, const ConfigNode& node, const std::string& position);

  const std::string& path() const { return path_; }
  const std::string& name() const { return name_; }
  const std::string& description() const { return description_; }
  const SourceLocation& where() const { return where_; }

  /// Values to choose from; 0 for any value of a range.
  std::size_t size() const { return values_.size(); }
  bool is_range() const { return is_range_; }
  Spacing spacing() const { return spacing_; }
  /// The value of that number.
  const ConfigNode& value(std::size_t number) const { return values_[number]; }
  /// The value that lies at a part, 0 to below 1, of all of them.
  ConfigNode value_at(double part) const;

  bool numeric() const { return numeric_; }
  const std::string& unit() const { return unit_; }
  /// A value as results show it; a number if it is one.
  std::string shown(const ConfigNode& value) const;
  bool shown_as_number(const ConfigNode& value) const;

 private:
  void take_list(const std::vector<ConfigNode>& values);
  void take_range(const AxisConfig& config, const ConfigNode& node, const std::string& position);
  ConfigNode between(double part) const;

  std::string path_;
  std::string name_;
  std::string description_;
  SourceLocation where_;
  const ConfigType* type_ = nullptr;
  std::vector<ConfigNode> values_;
  bool is_range_ = false;
  Spacing spacing_ = Spacing::linear;
  double from_ = 0;
  double to_ = 0;
  bool numeric_ = false;
  std::string unit_;
};

/// A value in one line, as it could be written in a file.
std::string one_line(const ConfigNode& value);

}  // namespace pagoda
