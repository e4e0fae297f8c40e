#include "pagoda/base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <stdexcept>

#include <fmt/format.h>

namespace pagoda {
namespace {

struct Unit {
  std::string_view name;
  double factor;  // in the smallest unit the quantity is stored in
};

// Smallest first: formatting takes the largest unit that divides the value exactly.
constexpr std::array kDurationUnits{Unit{"ps", 1}, Unit{"ns", 1e3}, Unit{"us", 1e6}, Unit{"ms", 1e9}, Unit{"s", 1e12}};
constexpr std::array kByteUnits{Unit{"B", 1}, Unit{"KiB", 1024}, Unit{"MiB", 1024. * 1024},
                                Unit{"GiB", 1024. * 1024 * 1024}, Unit{"TiB", 1024. * 1024 * 1024 * 1024}};
constexpr std::array kFrequencyUnits{Unit{"Hz", 1}, Unit{"kHz", 1e3}, Unit{"MHz", 1e6}, Unit{"GHz", 1e9}};
constexpr std::array kCycleUnits{Unit{"cycles", 1}, Unit{"cycle", 1}};
constexpr std::array kBandwidthUnits{Unit{"B/s", 1}, Unit{"kB/s", 1e3}, Unit{"MB/s", 1e6}, Unit{"GB/s", 1e9},
                                     Unit{"Gb/s", 1e9 / 8}};
constexpr std::array kEnergyUnits{Unit{"fJ", 1e-15}, Unit{"pJ", 1e-12}, Unit{"nJ", 1e-9},
                                  Unit{"uJ", 1e-6},  Unit{"mJ", 1e-3},  Unit{"J", 1}};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::string list_units(std::span<const Unit> units, std::string_view example) {
  std::string names;
  for (const Unit& unit : units) names += fmt::format("{}{}", names.empty() ? "" : ", ", unit.name);
  return fmt::format("write a number and a unit ({}), for example `{}`", names, example);
}

struct Measured {
  double number;
  const Unit* unit;
};

Measured parse(std::string_view text, std::span<const Unit> units, std::string_view example) {
  text = trimmed(text);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) {
    throw std::invalid_argument(list_units(units, example));
  }
  const std::string_view name = trimmed(text.substr(static_cast<std::size_t>(end - text.data())));
  for (const Unit& unit : units) {
    if (unit.name == name) return {number, &unit};
  }
  if (name.empty() && number == 0) return {0, &units.front()};
  throw std::invalid_argument(list_units(units, example));
}

std::uint64_t whole(const Measured& measured, std::string_view smallest) {
  const double value = measured.number * measured.unit->factor;
  const double rounded = std::round(value);
  if (std::abs(value - rounded) > 1e-6 * std::max(1.0, value * 1e-6)) {
    throw std::invalid_argument(fmt::format("must be a whole number of {}", smallest));
  }
  if (rounded >= 0x1p63) throw std::invalid_argument(fmt::format("must be below 2^63 {}", smallest));
  return static_cast<std::uint64_t>(rounded);
}

std::string format_exact(std::uint64_t value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % static_cast<std::uint64_t>(unit.factor) == 0) best = &unit;
  }
  return fmt::format("{} {}", value / static_cast<std::uint64_t>(best->factor), best->name);
}

std::string format_real(double value, std::span<const Unit> units) {
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (value >= unit.factor) best = &unit;
  }
  return fmt::format("{} {}", value / best->factor, best->name);
}

}  // namespace

Duration parse_duration(std::string_view text) { return {whole(parse(text, kDurationUnits, "15 ns"), "picoseconds")}; }
Bytes parse_bytes(std::string_view text) { return {whole(parse(text, kByteUnits, "64 KiB"), "bytes")}; }

Frequency parse_frequency(std::string_view text) {
  const Frequency value{whole(parse(text, kFrequencyUnits, "2 GHz"), "hertz")};
  if (value.hz == 0 || value.period() == 0) throw std::invalid_argument("must lie between 1 Hz and 1000 GHz");
  return value;
}

Latency parse_latency(std::string_view text) {
  constexpr std::string_view kForms = "write `4 cycles` or a time such as `1.5 ns`";
  try {
    const std::string_view body = trimmed(text);
    if (body.ends_with("cycles") || body.ends_with("cycle")) {
      return Latency::cycles(whole(parse(text, kCycleUnits, "4 cycles"), "cycles"));
    }
    return Latency::time(parse_duration(text).ps);
  } catch (const std::invalid_argument&) {
    throw std::invalid_argument(std::string(kForms));
  }
}

Bandwidth parse_bandwidth(std::string_view text) {
  const Measured measured = parse(text, kBandwidthUnits, "16 GB/s");
  return {measured.number * measured.unit->factor};
}

Energy parse_energy(std::string_view text) {
  const Measured measured = parse(text, kEnergyUnits, "120 pJ");
  return {measured.number * measured.unit->factor};
}

std::string to_string(Duration value) { return format_exact(value.ps, kDurationUnits); }
std::string to_string(Bytes value) { return format_exact(value.count, kByteUnits); }
std::string to_string(Frequency value) { return format_exact(value.hz, kFrequencyUnits); }
std::string to_string(Latency value) {
  return value.in_cycles ? fmt::format("{} cycles", value.value) : to_string(Duration{value.value});
}
std::string to_string(Bandwidth value) {
  return format_real(value.bytes_per_second, std::span(kBandwidthUnits).first(4));
}
std::string to_string(Energy value) { return format_real(value.joules, kEnergyUnits); }

std::string pretty_duration(double seconds) {
  if (seconds == 0) return "0 s";
  for (const Unit& unit : kDurationUnits) {
    const double value = seconds * 1e12 / unit.factor;
    if (value < 999.5 || unit.name == "s") return fmt::format("{:.3g} {}", value, unit.name);
  }
  return {};
}

std::string pretty_count(double value) {
  constexpr std::array kPrefixes{"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  while (std::abs(value) >= 999.5 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  return fmt::format("{:.{}g}{}", value, std::abs(value) >= 100 ? 4 : 3, kPrefixes[prefix]);
}

}  // namespace pagoda
