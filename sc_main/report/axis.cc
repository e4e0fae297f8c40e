#include "sc_main/report/axis.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "pagoda/base/stats_file.h"
#include "pagoda/base/units.h"

namespace pagoda::report {
namespace {

constexpr double kPsPerNs = 1000;

std::optional<Quantity> try_parse(std::string_view text, Quantity (*parse)(std::string_view)) {
  try {
    return parse(text);
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

// A unit and the larger ones of its kind; a value goes up when it has more than `step` of one.
struct UnitStep {
  const char* unit;
  const char* larger;
  double step;
};
constexpr UnitStep kSteps[] = {
    {"ns", "us", 1e3},     {"us", "ms", 1e3},      {"ms", "s", 1e3},     {"B", "KiB", 1024},
    {"KiB", "MiB", 1024},  {"MiB", "GiB", 1024},   {"nJ", "uJ", 1e3},    {"uJ", "mJ", 1e3},
    {"mJ", "J", 1e3},      {"", "thousands", 1e3}, {"B/s", "kB/s", 1e3}, {"kB/s", "MB/s", 1e3},
    {"MB/s", "GB/s", 1e3}, {"Hz", "kHz", 1e3},     {"kHz", "MHz", 1e3},  {"MHz", "GHz", 1e3},
    {"1/s", "k/s", 1e3},   {"k/s", "M/s", 1e3},    {"M/s", "G/s", 1e3},  {"thousands", "millions", 1e3}};

// The unit in which `largest` is a number up to a few thousand, and what to divide by.
std::pair<std::string, double> readable_unit(std::string unit, double largest) {
  double divisor = 1;
  while (true) {
    const auto* step =
        std::find_if(std::begin(kSteps), std::end(kSteps), [&](const UnitStep& s) { return s.unit == unit; });
    // Counts stay whole as long as they are short.
    const double room = unit.empty() ? 10 : 1;
    if (step == std::end(kSteps) || largest / divisor < room * 2 * step->step) return {unit, divisor};
    divisor *= step->step;
    unit = step->larger;
  }
}

// Written with one and the same unit, values are shown as numbers of it.
std::string shared_unit(const std::vector<std::string>& values) {
  std::string shared;
  for (const std::string& value : values) {
    const std::size_t end = value.find_last_of("0123456789.");
    std::string unit = end == std::string::npos ? "" : value.substr(end + 1);
    unit.erase(0, unit.find_first_not_of(' '));
    if (&value == &values.front()) shared = unit;
    if (unit != shared) return {};
  }
  return shared;
}

// Whether all values are numbers of one unit. A latency of 0 goes with any.
bool one_unit(const std::vector<std::string>& values) {
  std::string unit;
  double before = 0;
  for (const std::string& value : values) {
    const Quantity quantity = parse_quantity(value);
    if (std::isnan(quantity.value)) return false;
    if (before != 0 && quantity.value != 0 && quantity.unit != unit) return false;
    if (before == 0) unit = quantity.unit;
    before = quantity.value == 0 ? before : quantity.value;
  }
  return true;
}

// An axis for more values than could each have a tick.
void sampled_axis(const std::string& unit, ParameterAxis& result) {
  const auto [least, largest] = std::minmax_element(result.positions.begin(), result.positions.end());
  if (unit == "B" && result.axis.log) {
    for (double size = 1; size <= *largest; size *= 4) {
      if (size >= *least) result.axis.ticks.push_back({size, to_string(Bytes{static_cast<std::uint64_t>(size)})});
    }
    return;
  }
  const auto [readable, divisor] = readable_unit(unit, *largest);
  result.axis.divisor = divisor;
  if (!readable.empty()) result.axis.label += ", " + readable;
}

}  // namespace

std::string short_number(double value) {
  if (std::isnan(value)) return "-";
  const double size = std::abs(value);
  if (size >= 1000 && size < 1e6) return fmt::format("{:.0f}", value);
  return fmt::format("{:.3g}", value);
}

std::string table_number(double value) {
  constexpr double kExact = 1e15;
  const double size = std::abs(value);
  if (size < 1000 && value != std::floor(value)) return fmt::format("{:.4g}", value);
  if (size >= kExact || !std::isfinite(value)) return fmt::format("{:.4g}", value);
  std::string digits = fmt::format("{:.0f}", size);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, "\u202f");
  return (value < 0 ? "-" : "") + digits;
}

Quantity parse_quantity(std::string_view text) {
  if (double number = 0; parse_number(text, number)) return std::isfinite(number) ? Quantity{number, ""} : Quantity{};
  using Parse = Quantity (*)(std::string_view);
  constexpr Parse kParsers[] = {[](std::string_view t) {
                                  return Quantity{static_cast<double>(parse_bytes(t).count), "B"};
                                },
                                [](std::string_view t) {
                                  return Quantity{static_cast<double>(parse_duration(t).ps) / kPsPerNs, "ns"};
                                },
                                [](std::string_view t) {
                                  return Quantity{static_cast<double>(parse_frequency(t).hz), "Hz"};
                                },
                                [](std::string_view t) {
                                  return Quantity{parse_bandwidth(t).bytes_per_second / 1e9, "GB/s"};
                                },
                                [](std::string_view t) {
                                  return Quantity{static_cast<double>(parse_latency(t).value), "cycles"};
                                },
                                [](std::string_view t) {
                                  return Quantity{parse_energy(t).joules * 1e12, "pJ"};
                                }};
  for (const Parse parse : kParsers) {
    if (const auto quantity = try_parse(text, parse)) return *quantity;
  }
  return {};
}

bool grows_geometrically(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  constexpr std::size_t kFewest = 3;
  constexpr double kLeastSpan = 8;
  if (values.size() < kFewest || values.front() <= 0 || values.back() < kLeastSpan * values.front()) return false;
  std::vector<double> differences;
  std::vector<double> ratios;
  for (std::size_t i = 1; i < values.size(); ++i) {
    differences.push_back(values[i] - values[i - 1]);
    ratios.push_back(std::log(values[i] / values[i - 1]));
  }
  const auto unevenness = [](const std::vector<double>& steps) {
    const Spread spread = Spread::of(steps);
    return spread.deviation / spread.mean;
  };
  return unevenness(ratios) < unevenness(differences);
}

std::vector<double> numbers_of(const Parameter& parameter) {
  std::vector<double> numbers;
  for (const std::string& value : parameter.values) numbers.push_back(parse_quantity(value).value);
  return numbers;
}

ParameterAxis parameter_axis(const Parameter& parameter) {
  ParameterAxis result;
  result.positions = numbers_of(parameter);
  result.numeric = !parameter.values.empty() && one_unit(parameter.values);
  result.axis.label = parameter.name;
  if (!result.numeric) std::iota(result.positions.begin(), result.positions.end(), 0.0);
  result.axis.log = result.numeric && grows_geometrically(result.positions);
  constexpr std::size_t kMostTicks = 24;
  if (result.numeric && parameter.values.size() > kMostTicks) {
    sampled_axis(parse_quantity(parameter.values.front()).unit, result);
    return result;
  }
  const std::string written = result.numeric ? shared_unit(parameter.values) : "";
  if (!written.empty()) result.axis.label += ", " + written;
  for (std::size_t i = 0; i < parameter.values.size(); ++i) {
    std::string text = parameter.values[i];
    if (!written.empty()) text = text.substr(0, text.find_last_of("0123456789.") + 1);
    result.axis.ticks.push_back({result.positions[i], text});
  }
  return result;
}

Axis value_axis(const std::string& label, const std::string& unit, const std::vector<double>& values) {
  constexpr double kLogSpan = 100;
  constexpr double kNearZero = 0.6;  // a least value below this part of the largest: the axis begins at 0
  double least = kMissing;
  double largest = kMissing;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    least = std::isnan(least) ? value : std::min(least, value);
    largest = std::isnan(largest) ? value : std::max(largest, value);
  }
  Axis axis;
  axis.shows_values = true;
  axis.log = least > 0 && largest > kLogSpan * least;
  const auto [readable, divisor] = readable_unit(unit, std::isnan(largest) ? 0 : axis.log ? least : largest);
  axis.divisor = divisor;
  axis.label = readable.empty() ? label : fmt::format("{}, {}", label, readable);
  axis.from_zero = !axis.log && least >= 0 && least <= kNearZero * largest;
  return axis;
}

}  // namespace pagoda::report
