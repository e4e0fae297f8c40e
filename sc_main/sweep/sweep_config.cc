#include "sc_main/sweep/sweep_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace {

bool written(const ConfigNode& node) { return node.kind != ConfigNode::Kind::null; }

std::optional<ConfigProblem> axis_problem(const AxisConfig& axis) {
  const bool range = written(axis.from) || written(axis.to) || axis.steps > 0;
  const int forms = (axis.values.empty() ? 0 : 1) + (range ? 1 : 0) + (axis.together.empty() ? 0 : 1);
  if (forms == 0) {
    return ConfigProblem{"values", "this axis is empty", "allowed: at least one value, or a range with from and to"};
  }
  if (forms > 1) {
    return ConfigProblem{"", "an axis is a list, a range, or several that vary together",
                         "allowed: one of values, from with to, and together"};
  }
  if (!axis.together.empty()) {
    if (axis.path.empty() && axis.name.empty()) return std::nullopt;
    return ConfigProblem{axis.path.empty() ? "name" : "path", "belongs to the axes that vary together",
                         "allowed: inside `together`"};
  }
  if (axis.path.empty()) {
    return ConfigProblem{"path", "must be given", "allowed: a path such as cpus.*.mmu.dtlb.entries"};
  }
  if (range && !(written(axis.from) && written(axis.to))) {
    return ConfigProblem{"", "a range has two ends", "allowed: from and to"};
  }
  if (range && axis.steps == 1) {
    return ConfigProblem{"steps", "a range of one step", "allowed: 2 or more, or a list of one value"};
  }
  return std::nullopt;
}

std::optional<ConfigProblem> sampling_problem(const SamplingConfig& sampling) {
  const bool grid = sampling.kind == SamplingKind::grid;
  if (grid && sampling.points > 0) {
    return ConfigProblem{"points", "a grid has the points that its axes give",
                         "allowed: with random, latin_hypercube and sobol"};
  }
  if (grid && sampling.seed) {
    return ConfigProblem{"seed", "a grid has nothing random", "allowed: with random, latin_hypercube and sobol"};
  }
  if (!grid && sampling.points == 0) {
    return ConfigProblem{"points", "must be given", "allowed: how many points to take, 1 or more"};
  }
  return std::nullopt;
}

}  // namespace

const ConfigInfo& AxisConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<AxisConfig>("axis",
                                "A path of the platform and the values it takes, or several that vary together.")
          .field("path", &AxisConfig::path, "what is varied, as for --set: cpus.*.mmu.dtlb.entries")
          .field("name", &AxisConfig::name, "its column in the results; left out: the path")
          .field("description", &AxisConfig::description, "one line; left out: what the platform says of the key")
          .field("values", &AxisConfig::values, "the values, one after the other", ConfigForm{"any value"})
          .field("from", &AxisConfig::from, "a range instead: where it starts", ConfigForm{"a number or quantity"})
          .field("to", &AxisConfig::to, "and ends", ConfigForm{"a number or quantity"})
          .field("steps", &AxisConfig::steps, "values of the range, both ends included; 0: any in between",
                 in_range(0, 10'000))
          .field("spacing", &AxisConfig::spacing, "equal differences or equal ratios between them")
          .field("together", &AxisConfig::together, "axes of equal length that vary together")
          .check(axis_problem);
  return info;
}

const ConfigInfo& SamplingConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<SamplingConfig>("sampling", "Which points of the space that the axes span are run.")
          .field("kind", &SamplingConfig::kind, "all, random ones, or ones that cover the space evenly")
          .field("points", &SamplingConfig::points, "how many, of other than a grid",
                 in_range(std::uint64_t{0}, std::uint64_t{1'000'000'000}))
          .field("seed", &SamplingConfig::seed, "of the choice; a Sobol sequence without one is taken as it is")
          .check(sampling_problem);
  return info;
}

const ConfigInfo& SweepReportConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<SweepReportConfig>("report", "What a report shows of the results if it is not told otherwise.")
          .field("x", &SweepReportConfig::x, "what plots have along their axis, a column of the results")
          .field("y", &SweepReportConfig::y, "the statistics that are plotted, the most important first")
          .field("group", &SweepReportConfig::group, "columns whose values have a line each")
          .field("pareto", &SweepReportConfig::pareto,
                 "two figures to trade: statistics or columns, with min: or max: before them where it is not plain")
          .check([](const SweepReportConfig& report) -> std::optional<ConfigProblem> {
            if (report.pareto.empty() || report.pareto.size() == 2) return std::nullopt;
            return ConfigProblem{"pareto", "a trade-off has two figures", "allowed: two names"};
          });
  return info;
}

const ConfigInfo& SweepConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<SweepConfig>("sweep", "Many runs of platforms with values that vary.")
          .field("name", &SweepConfig::name, "name of the sweep")
          .required()
          .field("description", &SweepConfig::description, "one line about it")
          .field("platform", &SweepConfig::platform, "a shipped platform, or a file beside the sweep's")
          .field("platforms", &SweepConfig::platforms, "several of them")
          .field("variants", &SweepConfig::variants,
                 "variants by name or pattern (4k-*); left out: the platforms as they are")
          .field("set", &SweepConfig::set, "changes of every point: paths and their values")
          .field("limit", &SweepConfig::limit, "records of each core's workload and transfers of each device; 0: all")
          .field("axes", &SweepConfig::axes, "what is varied")
          .field("sampling", &SweepConfig::sampling, "which of the points that the axes give")
          .field("repeats", &SweepConfig::repeats, "runs of each point, each with a seed one higher",
                 in_range(1, 1'000'000))
          .field("statistics", &SweepConfig::statistics,
                 "what to collect, by name or pattern (*.hit_rate); left out: all")
          .field("time_limit", &SweepConfig::time_limit, "longest that a point may take on the host",
                 in_range(Duration{kMillisecond}, Duration{kSecond * 1'000'000}))
          .field("memory_limit", &SweepConfig::memory_limit, "most memory of the host that a point may take",
                 in_range(Bytes{1 << 20}, Bytes{std::uint64_t{1} << 46}))
          .field("report", &SweepConfig::report, "what a report of the results shows")
          .check([](const SweepConfig& sweep) -> std::optional<ConfigProblem> {
            if (sweep.platform.empty() != sweep.platforms.empty()) return std::nullopt;
            return ConfigProblem{sweep.platform.empty() ? "" : "platforms",
                                 sweep.platform.empty() ? "names no platform" : "stands beside `platform`",
                                 "allowed: platform or platforms"};
          })
          .check([](const SweepConfig& sweep) -> std::optional<ConfigProblem> {
            if (sweep.set.kind == ConfigNode::Kind::null || sweep.set.kind == ConfigNode::Kind::map) {
              return std::nullopt;
            }
            return ConfigProblem{"set", "is no map", "allowed: paths and their values"};
          });
  return info;
}

}  // namespace pagoda
