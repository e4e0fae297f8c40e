#include "sc_main/report/plan.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "pagoda/base/config_node.h"
#include "pagoda/base/error.h"
#include "sc_main/report/axis.h"
#include "sc_main/report/pareto.h"

namespace pagoda::report {
namespace {

constexpr std::size_t kMostLines = 8;
constexpr std::size_t kMostFigures = 6;
constexpr std::size_t kFewStatistics = 40;  // a sweep that collects more than this has not said what matters
constexpr std::size_t kSampleFrom = 24;     // more values than a grid would give one axis
constexpr std::size_t kFewestChoices = 3;   // that make a front worth looking at

std::vector<std::string> names_of(const auto& items) {
  std::vector<std::string> names;
  for (const auto& item : items) names.push_back(item.name);
  return names;
}

std::size_t parameter_named(const Study& study, const std::string& name, const char* option) {
  const std::size_t found = study.find_parameter(name);
  if (found != kNone) return found;
  const std::vector<std::string> names = names_of(study.parameters);
  throw UserError({}, option, fmt::format("there is no parameter `{}`{}", name, did_you_mean(name, names)),
                  names.empty() ? "a single run has none" : fmt::format("allowed: {}", fmt::join(names, ", ")));
}

std::size_t statistic_named(const Study& study, const std::string& name, const char* option) {
  const std::size_t found = study.find_statistic(name);
  if (found != kNone) return found;
  throw UserError({}, option,
                  fmt::format("there is no statistic `{}`{}", name, did_you_mean(name, names_of(study.statistics))),
                  "the tables of a report name all of them");
}

// Whether one parameter says no more than the other: they are of one axis, or, platforms and variants, each value of one
// goes with one of the other. (In a sample any two axes may seem to.)
bool vary_together(const Study& study, std::size_t a, std::size_t b) {
  const std::size_t axis = study.parameters[a].axis;
  if (axis != kNone && study.parameters[b].axis != kNone) return axis == study.parameters[b].axis;
  std::map<std::size_t, std::size_t> forth;
  std::map<std::size_t, std::size_t> back;
  return std::all_of(study.points.begin(), study.points.end(), [&](const Point& point) {
    return forth.try_emplace(point.settings[a], point.settings[b]).first->second == point.settings[b] &&
           back.try_emplace(point.settings[b], point.settings[a]).first->second == point.settings[a];
  });
}

// Varying parameters, without those that only follow an earlier one.
std::vector<std::size_t> independent_parameters(const Study& study, std::size_t first) {
  std::vector<std::size_t> independent;
  std::vector<std::size_t> varying = study.varying();
  const auto at = std::find(varying.begin(), varying.end(), first);
  if (at != varying.end()) std::rotate(varying.begin(), at, std::next(at));
  for (const std::size_t parameter : varying) {
    const auto follows = [&](std::size_t earlier) { return vary_together(study, earlier, parameter); };
    if (std::none_of(independent.begin(), independent.end(), follows)) independent.push_back(parameter);
  }
  return independent;
}

std::size_t values_used(const Study& study, std::size_t parameter) {
  std::vector<std::size_t> used;
  for (const Point& point : study.points) used.push_back(point.settings[parameter]);
  std::sort(used.begin(), used.end());
  return static_cast<std::size_t>(std::unique(used.begin(), used.end()) - used.begin());
}

bool is_numeric(const Study& study, std::size_t parameter) {
  return parameter_axis(study.parameters[parameter]).numeric;
}

std::size_t default_x(const Study& study) {
  std::size_t best = kNone;
  std::size_t most = 0;
  for (const std::size_t parameter : study.varying()) {
    const std::size_t count = values_used(study, parameter);
    if (!is_numeric(study, parameter) || count <= most) continue;
    best = parameter;
    most = count;
  }
  if (best != kNone) return best;
  const std::vector<std::size_t> varying = study.varying();
  if (!varying.empty()) return varying.back();
  return study.parameters.empty() ? kNone : study.parameters.size() - 1;
}

bool fits_map(std::size_t values) {
  constexpr std::size_t kFewest = 3;
  constexpr std::size_t kMost = 40;
  return values >= kFewest && values <= kMost;
}

void choose_groups(const Study& study, const Choice& asked, Plan& plan) {
  for (const std::string& name : asked.groups) plan.groups.push_back(parameter_named(study, name, "--group"));
  if (plan.x == kNone) return;
  std::size_t lines = 1;
  for (const std::size_t parameter : independent_parameters(study, plan.x)) {
    if (parameter == plan.x) continue;
    const std::size_t count = values_used(study, parameter);
    const bool two_dimensional =
        plan.x_is_numeric && fits_map(count) && is_numeric(study, parameter) && fits_map(values_used(study, plan.x));
    if (two_dimensional && plan.second == kNone) plan.second = parameter;
    if (count > kSampleFrom && values_used(study, plan.x) > kSampleFrom) plan.scattered = true;
    if (std::count(plan.groups.begin(), plan.groups.end(), parameter) > 0) continue;
    if (asked.groups.empty() && lines * count <= kMostLines) {
      plan.groups.push_back(parameter);
      lines *= count;
    } else {
      plan.averaged.push_back(parameter);
    }
  }
  if (plan.scattered) plan.second = kNone;
}

bool varies(const Study& study, std::size_t statistic) {
  double first = kMissing;
  for (const Point& point : study.points) {
    const double value = point.done ? point.values[statistic] : kMissing;
    if (std::isnan(value)) continue;
    if (std::isnan(first)) first = value;
    constexpr double kNoticeable = 0.001;
    if (std::abs(value - first) > kNoticeable * std::abs(first)) return true;
  }
  return false;
}

// Of the figures of a distribution the mean stands for all; percentiles have plots of their own.
bool is_detail(const Study& study, const std::string& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return false;
  const std::string part = name.substr(dot + 1);
  constexpr const char* kDetails[] = {"count", "min", "p50", "p95", "p99", "max"};
  return std::find(std::begin(kDetails), std::end(kDetails), part) != std::end(kDetails) &&
         study.find_statistic(name.substr(0, dot) + ".mean") != kNone;
}

void choose_statistics(const Study& study, const Choice& asked, const Headlines& headlines, Plan& plan) {
  const auto add = [&](std::size_t statistic, const std::string& label) {
    if (std::count(plan.y.begin(), plan.y.end(), statistic) > 0) return;
    plan.y.push_back(statistic);
    plan.labels.push_back(label);
  };
  for (const std::string& name : asked.y) add(statistic_named(study, name, "--y"), name);
  if (!plan.y.empty()) return;
  const bool one_point = study.points.size() < 2;
  const auto wanted = [&](std::size_t statistic) {
    return plan.y.size() < kMostFigures && !is_detail(study, study.statistics[statistic].name) &&
           (one_point || varies(study, statistic));
  };
  if (study.kind == StudyKind::sweep && study.statistics.size() <= kFewStatistics) {
    for (std::size_t i = 0; i < study.statistics.size(); ++i) {
      if (wanted(i)) add(i, study.statistics[i].name);
    }
  }
  for (const Headline& headline : headlines_for(headlines, study.statistics)) {
    if (headline.ratio) continue;
    const std::size_t statistic = study.find_statistic(with_first_device(headline.statistic, study.statistics));
    if (statistic != kNone && wanted(statistic)) add(statistic, study.statistics[statistic].name);
  }
  // Nothing varies: what was collected is shown all the same.
  for (std::size_t i = 0; i < study.statistics.size() && plan.y.empty(); ++i) add(i, study.statistics[i].name);
}

Objective objective_named(const Study& study, std::string name) {
  Objective objective;
  bool told = false;
  for (const auto& [mark, maximise] : {std::pair{"min:", false}, {"max:", true}}) {
    if (!name.starts_with(mark)) continue;
    name.erase(0, std::string_view(mark).size());
    objective.maximise = maximise;
    told = true;
  }
  objective.index = study.find_parameter(name);
  objective.is_parameter = objective.index != kNone;
  if (!objective.is_parameter) {
    objective.index = statistic_named(study, name, "--pareto");
    if (!told) objective.maximise = more_is_better(name);
  } else if (!is_numeric(study, objective.index)) {
    throw UserError({"--pareto", 0}, fmt::format("`{}` is no number at every point", name));
  }
  return objective;
}

void choose_pareto(const Study& study, const Choice& asked, Plan& plan) {
  if (!asked.pareto.empty()) {
    if (asked.pareto.size() != 2) {
      throw UserError({}, "--pareto", fmt::format("{} figures where two are expected", asked.pareto.size()),
                      "write A,B, each a statistic or a parameter");
    }
    plan.pareto = {objective_named(study, asked.pareto[0]), objective_named(study, asked.pareto[1])};
    return;
  }
  // The first figure that there is something to trade against for the most important one.
  if (plan.y.empty()) return;
  const auto of = [&](std::size_t y) { return Objective{false, y, more_is_better(study.statistics[y].name)}; };
  std::vector<Objective> others;
  for (const std::size_t parameter : {plan.x, plan.second}) {
    if (parameter != kNone && is_numeric(study, parameter)) others.push_back({true, parameter, false});
  }
  for (std::size_t y = 1; y < plan.y.size(); ++y) others.push_back(of(plan.y[y]));
  const std::vector<Cell> cells = study.cells();
  for (const Objective& other : others) {
    const std::pair<Objective, Objective> pair{other, of(plan.y.front())};
    if (pareto_front(study, cells, pair).size() < kFewestChoices) continue;
    plan.pareto = pair;
    return;
  }
}

}  // namespace

bool more_is_better(const std::string& statistic) {
  constexpr const char* kEndings[] = {"hit_rate", "ipc", "bandwidth", "payload_rate", "dma_rate", "rate", "hits"};
  return std::any_of(std::begin(kEndings), std::end(kEndings),
                     [&](const char* end) { return statistic.ends_with(end); });
}

Plan make_plan(const Study& study, const Choice& asked, const Headlines& headlines) {
  Choice choice = asked;
  if (choice.x.empty()) choice.x = study.choice.x;
  if (choice.y.empty()) choice.y = study.choice.y;
  if (choice.groups.empty()) choice.groups = study.choice.groups;
  if (choice.pareto.empty()) choice.pareto = study.choice.pareto;
  Plan plan;
  plan.x = choice.x.empty() ? default_x(study) : parameter_named(study, choice.x, "--x");
  plan.x_is_numeric = plan.x != kNone && is_numeric(study, plan.x);
  choose_groups(study, choice, plan);
  choose_statistics(study, choice, headlines, plan);
  choose_pareto(study, choice, plan);
  return plan;
}

}  // namespace pagoda::report
