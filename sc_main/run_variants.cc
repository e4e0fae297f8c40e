// pagoda run --all-variants: SystemC elaborates once per process, so every variant is a process of its own.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <list>
#include <thread>

#include <boost/process.hpp>
#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "sc_main/comparison.h"
#include "sc_main/progress.h"
#include "sc_main/run.h"
#include "sc_main/run_directory.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;
namespace bp = boost::process;

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// desktop.vcd becomes desktop-nested.vcd for the variant `nested`.
std::string waveform_of(const std::string& path, const std::string& variant) {
  const fs::path name = path;
  return (name.parent_path() / fmt::format("{}-{}{}", name.stem().string(), variant, name.extension().string()))
      .string();
}

std::vector<std::string> arguments(const RunOptions& options, const std::string& variant, const fs::path& out) {
  std::vector<std::string> args{"run", options.request.platform, "--variant", variant, "--out", out.string()};
  for (const std::string& set : options.request.sets) args.insert(args.end(), {"--set", set});
  if (!options.request.trace.empty()) args.insert(args.end(), {"--trace", options.request.trace});
  if (!options.request.limit.empty()) args.insert(args.end(), {"--limit", options.request.limit});
  if (!options.vcd.empty()) args.insert(args.end(), {"--vcd", waveform_of(options.vcd, variant)});
  return args;
}

struct Running {
  std::string variant;
  fs::path errors;
  bp::child process;
};

// Waits for the oldest process; its error message ends the comparison.
void await_oldest(std::list<Running>& running) {
  Running& oldest = running.front();
  oldest.process.wait();
  const int status = oldest.process.exit_code();
  std::string message = read_file(oldest.errors);
  fs::remove(oldest.errors);
  if (status != 0) {
    for (Running& other : running) other.process.terminate();
    while (message.ends_with('\n')) message.pop_back();
    constexpr std::string_view kPrefix = "pagoda: ";
    if (message.starts_with(kPrefix)) message.erase(0, kPrefix.size());
    message = fmt::format("variant {}: {}", oldest.variant, message);
    if (status == 2) throw UserError(message);
    if (status == 3) throw InvariantError(message);
    throw std::runtime_error(message);
  }
  running.pop_front();
}

}  // namespace

int run_all_variants(const RunOptions& options) {
  const PlatformConfig config = load_platform(options.request);
  if (config.variants.empty()) {
    throw UserError({find_platform(options.request.platform), 0}, "variants", "the platform has none",
                    "run it without --all-variants");
  }
  const fs::path out = options.out.empty() ? default_folder(config, "") : options.out;
  RunDirectory directory(out);
  const std::size_t at_once = std::max(1u, std::thread::hardware_concurrency());
  ProgressLine progress("variants");
  std::list<Running> running;
  std::size_t started = 0;
  for (const VariantConfig& variant : config.variants) {
    if (running.size() == at_once) await_oldest(running);
    progress.update(static_cast<double>(started) / static_cast<double>(config.variants.size()),
                    started - running.size());
    const fs::path errors = directory.staging() / (variant.name + ".errors");
    running.push_back({variant.name, errors,
                       bp::child("/proc/self/exe", arguments(options, variant.name, directory.staging() / variant.name),
                                 bp::std_out > bp::null, bp::std_err > errors.string(), bp::std_in < bp::null)});
    ++started;
  }
  while (!running.empty()) await_oldest(running);
  progress.clear();

  Comparison comparison;
  for (const VariantConfig& variant : config.variants)
    comparison.add(variant.name, directory.staging() / variant.name / "stats.csv");
  directory.write("comparison.json", comparison.json(config.name));
  directory.write("comparison.csv", comparison.csv());
  directory.commit();
  if (options.json) {
    fmt::print("{}", comparison.json(config.name));
    return 0;
  }
  fmt::print("{}: {}\n\n", config.name, config.description);
  for (const VariantConfig& variant : config.variants) fmt::print("  {}: {}\n", variant.name, variant.description);
  fmt::print("\n{}\nresults  {}\n", comparison.table(), out.string());
  return 0;
}

}  // namespace pagoda
