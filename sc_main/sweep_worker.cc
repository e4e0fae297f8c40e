// pagoda sweep-worker: what a task of Slurm does for a sweep: it runs the points of its chunk. Not for users.
#include <fstream>
#include <unistd.h>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "sc_main/commands.h"
#include "sc_main/sweep/digest.h"
#include "sc_main/sweep/plan.h"
#include "sc_main/sweep/point_runner.h"

namespace pagoda {
namespace {

struct WorkerArguments {
  std::string folder;
  std::string chunk;
  std::string point_time;
  std::string point_memory;
  RunnerOptions runner;
};

// Points of the chunk that are not finished: somebody else may have run them, or an earlier task of the same chunk.
std::vector<std::size_t> unfinished(const SweepFolder& folder, const std::string& chunk) {
  std::ifstream file(chunk);
  if (!file) throw UserError({chunk, 0}, "cannot be read");
  std::vector<std::size_t> numbers;
  for (std::size_t number = 0; file >> number;) {
    const std::optional<PointRecord> record = read_record(folder.point_path(number));
    if (!record || record->status == PointStatus::lost) numbers.push_back(number);
  }
  return numbers;
}

std::string own_name() {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  return fmt::format("{}{}-{}", kSlurmWorker, host, getpid());
}

int work(WorkerArguments& args) {
  const SweepFolder folder(args.folder);
  if (folder.manifest().program != digest_of_program()) {
    throw UserError({args.folder, 0}, "the sweep was begun by another build of Pagoda than this node has");
  }
  if (!args.point_time.empty()) args.runner.limits.time = parse_duration(args.point_time);
  if (!args.point_memory.empty()) args.runner.limits.memory = parse_bytes(args.point_memory);
  args.runner.worker = own_name();
  const SweepPlan plan(folder.sources());
  const InterruptGuard guard;
  PointRunner runner(plan, folder, args.runner, [](std::size_t number, const PointRecord& record) {
    fmt::print("{:05}  {}  {}\n", number, to_string(record.status), record.reason);
    std::fflush(stdout);
  });
  const bool whole = runner.run(unfinished(folder, args.chunk));
  std::error_code ignored;
  std::filesystem::remove_all(folder.path() / "work" / args.runner.worker, ignored);
  return whole ? 0 : 1;
}

}  // namespace

void add_sweep_worker(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("sweep-worker", "Run a chunk of a sweep's points")->group("");
  auto args = std::make_shared<WorkerArguments>();
  command->add_option("folder", args->folder)->required();
  command->add_option("--chunk", args->chunk)->required();
  command->add_option("--jobs", args->runner.jobs);
  command->add_option("--point-time", args->point_time);
  command->add_option("--point-memory", args->point_memory);
  command->add_option("--cache", args->runner.cache);
  command->callback([args, &chosen] { chosen = [args] { return work(*args); }; });
}

}  // namespace pagoda
