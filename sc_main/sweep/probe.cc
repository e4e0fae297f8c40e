#include "sc_main/sweep/probe.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/error.h"
#include "pagoda/base/temporary_folder.h"
#include "platforms/platform.h"
#include "sc_main/sweep/files.h"
#include "sc_main/sweep/glob.h"
#include "sc_main/sweep/process_pool.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

constexpr int kUserError = 2;
constexpr double kSecondsOfEstimate = 1;
constexpr double kLeastDone = 1e-4;  // less says nothing

PointProbe parsed(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  PointProbe probe;
  probe.setup_seconds = json.at("setup_seconds");
  probe.seconds = json.at("seconds");
  probe.done = json.at("done");
  probe.peak_bytes = json.at("peak_rss_bytes");
  probe.statistics = json.at("statistics").get<std::vector<std::string>>();
  return probe;
}

PointProbe probe_point(const SweepPlan& plan, std::size_t number, double seconds) {
  const TemporaryFolder scratch("pagoda-sweep");
  const fs::path platform = scratch.path() / "platform.yaml";
  const fs::path errors = scratch.path() / "errors";
  const fs::path output = scratch.path() / "probe.json";
  const Point point = plan.point(number);
  write_text(platform, to_yaml(to_node(with_clocks(plan.resolve(point)))));
  ProcessPool pool;
  pool.start(number, {"sweep-probe", platform.string(), "--seconds", fmt::format("{}", seconds)}, output, errors, {});
  std::vector<EndedProcess> ended;
  while (ended.empty()) {
    if (InterruptGuard::requested()) throw UserError("interrupted");
    ended = pool.wait(std::chrono::milliseconds(200));
  }
  if (ended.front().exit_status == 0) return parsed(text_of(output));
  std::string message = last_words(text_of(errors));
  if (const std::size_t at = message.find(platform.string()); at != std::string::npos) {
    message.replace(at, platform.string().size(), plan.platforms()[point.platform].file);
  }
  message = fmt::format("{} (point {}: {})", message, number, plan.label(point));
  if (ended.front().exit_status == kUserError) throw UserError(message);
  throw std::runtime_error(message);
}

// The first and the last point of each platform and variant.
std::vector<std::size_t> corners(const SweepPlan& plan) {
  std::size_t combinations = 0;
  for (const SweepPlan::PlatformEntry& platform : plan.platforms()) combinations += platform.variants.size();
  const std::size_t each = plan.size() / combinations;
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < combinations; ++i) {
    numbers.push_back(i * each);
    if (each > 1) numbers.push_back(i * each + each - 1);
  }
  return numbers;
}

}  // namespace

std::optional<double> PointProbe::whole_seconds() const {
  if (done < kLeastDone) return std::nullopt;
  return setup_seconds + seconds / done;
}

std::vector<PointProbe> probe_points(const SweepPlan& plan, const std::vector<std::size_t>& numbers, double seconds) {
  std::vector<PointProbe> probes;
  for (const std::size_t number : numbers) probes.push_back(probe_point(plan, number, seconds));
  return probes;
}

void check_statistics(const SweepPlan& plan) {
  const std::vector<std::string>& patterns = plan.config().statistics;
  std::vector<std::size_t> open(patterns.size());
  std::iota(open.begin(), open.end(), std::size_t{0});
  std::vector<std::string> names;
  for (const std::size_t number : corners(plan)) {
    if (open.empty()) return;
    const PointProbe probe = probe_points(plan, {number}, 0).front();
    std::erase_if(open, [&](std::size_t pattern) {
      return std::any_of(probe.statistics.begin(), probe.statistics.end(),
                         [&](const std::string& name) { return glob_matches(patterns[pattern], name); });
    });
    names.insert(names.end(), probe.statistics.begin(), probe.statistics.end());
  }
  if (open.empty()) return;
  const std::string& pattern = patterns[open.front()];
  throw UserError(plan.where("statistics", open.front()), fmt::format("statistics.{}", open.front()),
                  fmt::format("no point has `{}`{}", pattern, did_you_mean(pattern, names)),
                  "allowed: names of stats.csv and patterns of them, for example cpu0.access_latency.mean, *.hit_rate");
}

Estimate estimate(const SweepPlan& plan) {
  std::vector<std::size_t> numbers{0};
  if (plan.size() > 2) numbers.push_back(plan.size() / 2);
  if (plan.size() > 1) numbers.push_back(plan.size() - 1);
  Estimate result;
  for (const PointProbe& probe : probe_points(plan, numbers, kSecondsOfEstimate)) {
    result.peak_bytes = std::max(result.peak_bytes, probe.peak_bytes);
    const std::optional<double> seconds = probe.whole_seconds();
    if (!seconds) continue;
    result.least = result.tried == 0 ? *seconds : std::min(result.least, *seconds);
    result.most = std::max(result.most, *seconds);
    result.mean += *seconds;
    ++result.tried;
  }
  if (result.tried > 0) result.mean /= static_cast<double>(result.tried);
  return result;
}

}  // namespace pagoda
