// How values lie along an axis of a plot: position, scale, unit and ticks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sc_main/report/study.h"

namespace pagoda::report {

struct Tick {
  double position = 0;
  std::string text;
};

struct Axis {
  std::string label;  ///< with its unit
  bool log = false;
  bool from_zero = false;
  bool shows_values = false;  ///< of a statistic: small differences are to look small
  double divisor = 1;         ///< values are divided by it, for the unit of the label
  std::vector<Tick> ticks;    ///< none: where gnuplot finds them apt
};

/// What was written as a number, with or without a unit: `64 KiB` is 65536 and `B`. NaN if it is none.
struct Quantity {
  double value = kMissing;
  std::string unit;
};
Quantity parse_quantity(std::string_view text);
/// The numbers that a parameter's values are, in ns, B, Hz, GB/s, pJ or cycles; NaN for those that are none.
std::vector<double> numbers_of(const Parameter& parameter);

/// A parameter as an axis of numbers.
struct ParameterAxis {
  bool numeric = false;           ///< whether all its values are numbers of one kind
  std::vector<double> positions;  ///< by value; its index where they are not numeric
  Axis axis;
};
ParameterAxis parameter_axis(const Parameter& parameter);

/// An axis for values of a statistic: the unit that makes them readable, and a logarithmic scale if they are positive
/// and span more than two orders of magnitude.
Axis value_axis(const std::string& label, const std::string& unit, const std::vector<double>& values);

/// Three significant digits, for the room of a plot.
std::string short_number(double value);
/// Four or more, whole numbers whole with their thousands apart, for a table.
std::string table_number(double value);

/// Whether steps between ascending positive values are even on a logarithmic scale rather than on a linear one.
bool grows_geometrically(std::vector<double> values);

}  // namespace pagoda::report
