// pagoda sweep-probe: simulates a platform for a moment, for `pagoda sweep` to see what it is in for. Not for users.
#include <chrono>
#include <cstdio>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "platforms/loader.h"
#include "platforms/platform.h"
#include "sc_main/commands.h"

namespace pagoda {
namespace {

using HostClock = std::chrono::steady_clock;

double seconds_since(HostClock::time_point then) {
  return std::chrono::duration<double>(HostClock::now() - then).count();
}

void add_names(const StatNode& node, const std::string& path, nlohmann::json& names) {
  for (const StatNode& child : node.children) {
    const std::string name = path.empty() ? child.name : path + "." + child.name;
    if (std::holds_alternative<DistributionSummary>(child.value)) {
      for (const char* part : {"count", "mean", "min", "p50", "p95", "p99", "max"}) names.push_back(name + "." + part);
    } else if (!std::holds_alternative<std::monostate>(child.value)) {
      names.push_back(name);
    }
    add_names(child, name, names);
  }
}

[[noreturn]] void answer(Platform& platform, double setup, double seconds, double done) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  nlohmann::json names = nlohmann::json::array();
  add_names(platform.stats(), "", names);
  const nlohmann::json json = {{"setup_seconds", setup},
                               {"seconds", seconds},
                               {"done", done},
                               {"peak_rss_bytes", static_cast<std::uint64_t>(usage.ru_maxrss) * 1024},
                               {"statistics", std::move(names)}};
  fmt::print("{}\n", json.dump());
  std::fflush(stdout);
  _exit(0);  // in the middle of a simulation that nobody wants the end of
}

int probe(const std::string& file, double longest) {
  const HostClock::time_point built_from = HostClock::now();
  Platform platform(load_platform({.platform = file}));
  const double setup = seconds_since(built_from);
  if (longest <= 0) answer(platform, setup, 0, 0);
  const HostClock::time_point start = HostClock::now();
  platform.run([&](double done) {
    if (seconds_since(start) >= longest) answer(platform, setup, seconds_since(start), done);
  });
  answer(platform, setup, seconds_since(start), 1);
}

}  // namespace

void add_sweep_probe(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("sweep-probe", "Simulate a platform for a moment")->group("");
  struct Arguments {
    std::string file;
    double seconds = 0;
  };
  auto args = std::make_shared<Arguments>();
  command->add_option("platform", args->file)->required();
  command->add_option("--seconds", args->seconds);
  command->callback([args, &chosen] { chosen = [args] { return probe(args->file, args->seconds); }; });
}

}  // namespace pagoda
