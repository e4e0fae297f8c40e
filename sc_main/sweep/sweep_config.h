// What a sweep file says: which platforms, what is varied and how, and what to collect.
//
// The keys are described once, in sweep_config.cc; docs/sweeps.md explains them by example. Values of axes are bound to
// the platform's own keys by axis.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

enum class Spacing : std::uint8_t { linear, logarithmic };
BOOST_DESCRIBE_ENUM(Spacing, linear, logarithmic)

/// One path of the platform with the values it takes, or several that vary together.
struct AxisConfig {
  std::string path;
  std::string name;
  std::string description;
  std::vector<ConfigNode> values;
  ConfigNode from;
  ConfigNode to;
  std::uint32_t steps = 0;
  Spacing spacing = Spacing::linear;
  std::vector<AxisConfig> together;

  static const ConfigInfo& config_info();
};

enum class SamplingKind : std::uint8_t { grid, random, latin_hypercube, sobol };
BOOST_DESCRIBE_ENUM(SamplingKind, grid, random, latin_hypercube, sobol)

/// Which points of the space that the axes span.
struct SamplingConfig {
  SamplingKind kind = SamplingKind::grid;
  std::uint64_t points = 0;
  std::optional<std::uint64_t> seed;

  static const ConfigInfo& config_info();
};

/// What `pagoda report` shows of the results if it is not told: statistics and columns of results.csv by their names.
struct SweepReportConfig {
  std::string x;
  std::vector<std::string> y;
  std::vector<std::string> group;
  std::vector<std::string> pareto;

  static const ConfigInfo& config_info();
};

struct SweepConfig {
  std::string name;
  std::string description;
  std::string platform;
  std::vector<std::string> platforms;
  std::vector<std::string> variants;
  ConfigNode set;
  std::uint64_t limit = 0;
  std::vector<AxisConfig> axes;
  SamplingConfig sampling;
  std::uint32_t repeats = 1;
  std::vector<std::string> statistics;
  std::optional<Duration> time_limit;
  std::optional<Bytes> memory_limit;
  SweepReportConfig report;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda
