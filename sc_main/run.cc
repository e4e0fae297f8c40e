// pagoda run: one simulation, its results and its summary.
#include "sc_main/run.h"

#include <chrono>
#include <fstream>
#include <sys/resource.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <systemc>

#include "pagoda/base/error.h"
#include "platforms/platform.h"
#include "sc_main/commands.h"
#include "sc_main/progress.h"
#include "sc_main/run_directory.h"
#include "sc_main/summary.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

// SystemC's own messages go to the log; the terminal is for results.
void log_reports(const fs::path& file) {
  using sc_core::sc_report_handler;
  sc_report_handler::set_log_file_name(file.c_str());
  sc_report_handler::set_actions(sc_core::SC_INFO, sc_core::SC_LOG);
  sc_report_handler::set_actions(sc_core::SC_WARNING, sc_core::SC_LOG);
  sc_report_handler::set_actions(sc_core::SC_ERROR, sc_core::SC_LOG | sc_core::SC_THROW);
}

std::string run_json(const RunOptions& options, const PlatformConfig& config, const HostFigures& host) {
  const double rate = host.seconds > 0 ? static_cast<double>(host.accesses) / host.seconds : 0;
  const nlohmann::ordered_json json = {
      {"platform", config.name},     {"variant", options.request.variant},   {"command_line", options.command_line},
      {"version", PAGODA_VERSION},   {"quantum", to_string(config.quantum)}, {"seed", config.seed},
      {"accesses", host.accesses},   {"setup_seconds", host.setup_seconds},  {"host_seconds", host.seconds},
      {"accesses_per_second", rate}, {"peak_rss_bytes", host.peak_rss_bytes}};
  return json.dump(2) + "\n";
}

// A waveform inside the results folder is made where that folder is being made.
std::string waveform_path(const RunOptions& options, const fs::path& out, const RunDirectory& directory) {
  if (options.vcd.empty()) return {};
  const fs::path inside =
      fs::absolute(options.vcd).lexically_normal().lexically_relative(fs::absolute(out).lexically_normal());
  if (inside.empty() || inside.begin()->string() == "..") return options.vcd;
  return (directory.staging() / inside).string();
}

std::string joined(int argc, const char* const* argv) {
  std::string line;
  for (int i = 0; i < argc; ++i) line += (i == 0 ? "" : " ") + std::string(argv[i]);
  return line;
}

}  // namespace

std::string default_folder(const PlatformConfig& config, const std::string& variant) {
  return fmt::format("pagoda-out/{}{}", config.name, variant.empty() ? "" : "-" + variant);
}

int run_one(const RunOptions& options) {
  const PlatformConfig config = with_clocks(load_platform(options.request));
  const fs::path out = options.out.empty() ? default_folder(config, options.request.variant) : options.out;
  RunDirectory directory(out);
  log_reports(directory.staging() / "log.txt");

  using HostClock = std::chrono::steady_clock;
  const auto seconds_since = [](HostClock::time_point then) {
    return std::chrono::duration<double>(HostClock::now() - then).count();
  };
  const HostClock::time_point built_from = HostClock::now();
  Platform platform(config);
  const double setup = seconds_since(built_from);
  const HostClock::time_point start = HostClock::now();
  const std::string waveform = waveform_path(options, out, directory);
  if (!waveform.empty()) platform.record(waveform);
  {
    ProgressLine progress("accesses");
    platform.run([&](double done) { progress.update(done, platform.accesses()); });
  }
  const HostFigures host{setup, seconds_since(start), platform.accesses(), peak_rss_bytes()};
  const StatNode stats = platform.stats();
  const std::string text = summary(config, options.request.variant, stats, host);
  directory.write("platform.yaml", to_yaml(to_node(config)));
  directory.write("stats.json", stats_json(stats));
  directory.write("stats.csv", stats_csv(stats));
  directory.write("distributions.csv", distributions_csv(stats));
  directory.write("run.json", run_json(options, config, host));
  directory.write("summary.txt", text);
  directory.write_missing("log.txt");
  directory.commit();
  if (options.json) {
    fmt::print("{}", stats_json(stats));
  } else {
    fmt::print("{}results           {}\n", text, out.string());
    if (!options.vcd.empty()) fmt::print("waveform          {}\n", options.vcd);
  }
  return 0;
}

void add_run(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("run", "Run a platform and say where the time went");
  command->footer(
      "Examples:\n"
      "  pagoda run desktop\n"
      "  pagoda run desktop --trace my.lackey.xz --set cpus.mmu.stlb.entries=3072 --out results/big-stlb\n"
      "  pagoda run guest --all-variants\n"
      "  pagoda run desktop --limit 100000 --vcd desktop.vcd && gtkwave desktop.gtkw");
  struct Arguments {
    RunOptions options;
    std::string quantum;
    std::string seed;
  };
  auto args = std::make_shared<Arguments>();
  RunOptions& options = args->options;
  command->add_option("platform", options.request.platform, "A platform file, or the name of a shipped platform")
      ->required();
  command->add_option("--set", options.request.sets, "Change a value: PATH=VALUE (repeatable; see `pagoda describe`)");
  command->add_option("--trace", options.request.trace, "Run this trace on every core");
  CLI::Option* variant = command->add_option("--variant", options.request.variant, "Run this variant of the platform");
  command->add_flag("--all-variants", options.all_variants, "Run every variant and compare them with the first")
      ->excludes(variant);
  command->add_option("--quantum", args->quantum,
                      "How far cores run ahead of each other, for example 100 ns; 0 is the reference");
  command->add_option("--seed", args->seed, "Seed of everything random");
  command->add_option("--limit", options.request.limit,
                      "Run no more than this many records of each core's workload and transfers of each device");
  command->add_option("--vcd", options.vcd, "Write a waveform, and a GTKWave save file beside it");
  command->add_option("--out", options.out, "Folder for the results (default: pagoda-out/PLATFORM)");
  command->add_flag("--json", options.json, "Print the statistics as JSON instead of the summary");
  command->callback([args, &chosen] {
    chosen = [args] {
      RunOptions& run = args->options;
      run.command_line = joined(sc_core::sc_argc(), sc_core::sc_argv());
      if (!args->quantum.empty()) run.request.sets.push_back("quantum=" + args->quantum);
      if (!args->seed.empty()) run.request.sets.push_back("seed=" + args->seed);
      return run.all_variants ? run_all_variants(run) : run_one(run);
    };
  });
}

}  // namespace pagoda
