// pagoda sweep: many points of one or several platforms, on the cores of this machine or on a Slurm cluster.
#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "sc_main/commands.h"
#include "sc_main/progress.h"
#include "sc_main/sweep/plan.h"
#include "sc_main/sweep/probe.h"
#include "sc_main/sweep/session.h"
#include "sc_main/sweep/slurm_sweep.h"

namespace pagoda {
namespace {

constexpr int kSomePointFailed = 1;
constexpr int kInvariantViolated = 3;
constexpr int kInterrupted = 130;  // 128 and SIGINT, as shells count

struct SweepArguments {
  std::string sweep;
  std::size_t jobs = 0;  // 0: the default
  std::vector<std::string> sets;
  std::string limit;
  SessionOptions session;
  std::string point_time;
  std::string point_memory;
  SlurmRequest slurm;
  bool on_slurm = false;
  bool dry_run = false;
  bool yes = false;
};

template <class Parse>
auto parsed(const char* option, const std::string& text, Parse parse) {
  try {
    return parse(text);
  } catch (const std::invalid_argument& error) {
    throw UserError({option, 0}, fmt::format("`{}` cannot be read", text), fmt::format("allowed: {}", error.what()),
                    "");
  }
}

SweepPlan make_plan(const SweepArguments& args) {
  SweepSources sources = read_sources(args.sweep);
  sources.sets = args.sets;
  sources.limit = args.limit;
  SweepPlan plan(std::move(sources));
  if (plan.size() > kManyPoints && !args.yes) {
    throw UserError(plan.where("axes"), "axes", fmt::format("the sweep has {} points", plan.size()),
                    fmt::format("allowed: up to {}, or more with --yes", kManyPoints));
  }
  return plan;
}

int dry_run(const SweepPlan& plan, std::size_t jobs) {
  {
    ProgressLine line("points checked");
    plan.check(
        [&](std::size_t done) { line.update(static_cast<double>(done) / static_cast<double>(plan.size()), done); });
  }
  check_statistics(plan);
  for (std::size_t number = 0; number < plan.size(); ++number) {
    fmt::print("{:05}  {}\n", number, plan.label(plan.point(number)));
  }
  const Estimate guess = estimate(plan);
  fmt::print("\n{}: {} point{}", plan.config().name, plan.size(), plan.size() == 1 ? "" : "s");
  if (guess.tried == 0) {
    fmt::print("; a second of simulation is too little to tell how long one takes\n");
    return 0;
  }
  const double all = guess.mean * static_cast<double>(plan.size()) / static_cast<double>(std::min(jobs, plan.size()));
  fmt::print(", about {} each ({} to {}, from {} of them), up to {} MiB\nabout {} in all with {} at once\n",
             pretty_duration(guess.mean), pretty_duration(guess.least), pretty_duration(guess.most), guess.tried,
             guess.peak_bytes >> 20, pretty_duration(all), jobs);
  return 0;
}

/// Says how far a sweep has come: a line that changes on a terminal, a line for each point in a pipe.
class SweepProgress {
 public:
  SweepProgress(const SweepPlan& plan, std::size_t missing)
      : plan_(plan), missing_(missing), in_pipe_(isatty(STDOUT_FILENO) == 0), line_("points") {}

  void finished(std::size_t number, const PointRecord& record) {
    ++done_;
    if (in_pipe_ || record.status != PointStatus::done) {
      line_.clear();
      fmt::print("{}/{}  {:05}  {}  {}  {}\n", done_, missing_, number, to_string(record.status), outcome(record),
                 plan_.label(plan_.point(number)));
      std::fflush(stdout);
    }
    line_.update(static_cast<double>(done_) / static_cast<double>(missing_), done_);
  }
  void note(const std::string& text) {
    line_.clear();
    fmt::print(stderr, "pagoda: {}\n", text);
  }
  void clear() { line_.clear(); }

 private:
  static std::string outcome(const PointRecord& record) {
    if (record.status != PointStatus::done) return record.reason;
    return record.from == "run" ? pretty_duration(record.seconds) : "from " + record.from;
  }

  const SweepPlan& plan_;
  std::size_t missing_;
  std::size_t done_ = 0;
  bool in_pipe_;
  ProgressLine line_;
};

int report(const SweepOutcome& outcome, const SweepFolder& folder, bool whole, bool on_slurm) {
  fmt::print("{} of {} points done", outcome.done, folder.manifest().points);
  if (outcome.failed > 0) fmt::print(", {} failed", outcome.failed);
  if (outcome.lost > 0) fmt::print(", {} lost", outcome.lost);
  if (outcome.missing > 0) fmt::print(", {} not run", outcome.missing);
  fmt::print("\nresults  {}\n", (folder.path() / "results.csv").string());
  if (!whole) {
    fmt::print("{}\n", on_slurm ? "jobs go on in Slurm; follow them with --attach" : "go on with --resume");
    return kInterrupted;
  }
  if (outcome.violated > 0) return kInvariantViolated;
  return outcome.failed + outcome.lost + outcome.missing > 0 ? kSomePointFailed : 0;
}

void check_arguments(const SweepArguments& args) {
  if (args.session.out.empty()) throw UserError("--out is missing; name a folder for the results");
  if (args.session.force && !args.session.resume) throw UserError("--force goes with --resume");
  if (args.session.retry_failed && !args.session.resume) throw UserError("--retry-failed goes with --resume");
  const SlurmOptions& slurm = args.slurm.options;
  const bool passed_on = !(slurm.partition.empty() && slurm.account.empty() && slurm.time.empty() &&
                           slurm.memory.empty() && slurm.others.empty()) ||
                         args.slurm.chunk > 0;
  if (!args.on_slurm && passed_on) {
    throw UserError("--partition, --account, --time, --mem, --sbatch and --chunk go with --slurm");
  }
}

bool run_points(const SweepPlan& plan, const SweepArguments& args, SweepSession& session, SweepProgress& progress) {
  const auto finished = [&](std::size_t number, const PointRecord& record) { progress.finished(number, record); };
  const auto note = [&](const std::string& text) { progress.note(text); };
  if (args.on_slurm) return SlurmSweep(plan, session, args.slurm, finished, note).run();
  if (SlurmSweep::jobs_alive(session.folder())) {
    throw UserError({args.session.out, 0}, "jobs of this sweep wait or run in Slurm; follow them with --attach");
  }
  return session.make_runner(finished)->run(session.missing());
}

int sweep(SweepArguments& args) {
  if (args.slurm.attach) args.on_slurm = args.session.resume = true;
  const SweepPlan plan = make_plan(args);
  if (!args.point_time.empty()) args.session.limits.time = parsed("--point-time", args.point_time, parse_duration);
  if (!args.point_memory.empty()) args.session.limits.memory = parsed("--point-memory", args.point_memory, parse_bytes);
  args.session.jobs = args.jobs == 0 ? std::max(1u, std::thread::hardware_concurrency()) : args.jobs;
  if (args.dry_run) return dry_run(plan, args.session.jobs);
  check_arguments(args);
  const InterruptGuard guard;
  if (args.on_slurm) {
    args.slurm.options.cpus_per_task = args.jobs == 0 ? 1 : args.jobs;
    if (!args.slurm.attach) SlurmCluster{args.slurm.options};
  }
  ProgressLine checking("points checked");
  SweepSession session(plan, args.session, [&](std::size_t done) {
    checking.update(static_cast<double>(done) / static_cast<double>(plan.size()), done);
  });
  checking.clear();
  SweepProgress progress(plan, session.missing().size());
  const bool whole = run_points(plan, args, session, progress);
  progress.clear();
  return report(session.finish(), session.folder(), whole, args.on_slurm);
}

void add_slurm_options(CLI::App& command, SweepArguments& args) {
  SlurmOptions& slurm = args.slurm.options;
  command.add_flag("--slurm", args.on_slurm, "Run the points on the Slurm cluster; it must share the folder");
  command.add_flag("--attach", args.slurm.attach, "Follow the jobs that an earlier --slurm submitted for the folder");
  command.add_option("--partition", slurm.partition, "Passed on to Slurm");
  command.add_option("--account", slurm.account, "Passed on to Slurm");
  command.add_option("--time", slurm.time, "Time of a task, passed on to Slurm: a task runs several points");
  command.add_option("--mem", slurm.memory, "Memory of a task, passed on to Slurm");
  command.add_option("--sbatch", slurm.others, "Another option of sbatch, whole: --sbatch=--qos=low (repeatable)");
  command.add_option("--chunk", args.slurm.chunk, "Points of a task (default: about a minute's worth)");
}

void add_options(CLI::App& command, SweepArguments& args) {
  command.add_option("sweep", args.sweep, "A sweep file, or the name of a shipped sweep")->required();
  command.add_option("--out", args.session.out, "Folder for the results");
  command.add_flag("--dry-run", args.dry_run, "Print the points and about how long they take, and run nothing");
  command.add_option("--set", args.sets, "Change a value of every point: PATH=VALUE (repeatable)");
  command.add_option("--limit", args.limit,
                     "Run no more than this many records of each core's workload and transfers of each device");
  command
      .add_option("--jobs", args.jobs, "Points at once (default: as many as there are cores; 1 in each task of Slurm)")
      ->check(CLI::Range(1, 4096));
  command.add_flag("--resume", args.session.resume, "Go on with the sweep in the folder: run what is missing");
  command.add_flag("--force", args.session.force,
                   "Resume in the folder of another sweep or version, and keep the points that are equal");
  command.add_flag("--retry-failed", args.session.retry_failed, "Resume failed points too");
  command.add_option("--point-time", args.point_time, "Longest that a point may take, for example 600 s");
  command.add_option("--point-memory", args.point_memory, "Most memory that a point may take, for example 4 GiB");
  command.add_option("--cache", args.session.cache, "Folder of finished points that sweeps share");
  add_slurm_options(command, args);
  command.add_flag("--yes", args.yes, fmt::format("Run more than {} points", kManyPoints));
}

}  // namespace

void add_sweep(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("sweep", "Run many points of platforms, on all cores or on a Slurm cluster");
  command->footer(
      "Exit status: 0 every point is done, 1 a point failed, 2 the input is wrong, 3 a point violated an invariant.\n\n"
      "Examples:\n"
      "  pagoda sweep tlb.yaml --dry-run\n"
      "  pagoda sweep tlb.yaml --out results/tlb\n"
      "  pagoda sweep tlb.yaml --out results/tlb --resume\n"
      "  pagoda sweep tlb.yaml --out results/tlb --slurm --partition long --mem 4G");
  auto args = std::make_shared<SweepArguments>();
  args->session.version = PAGODA_VERSION;
  add_options(*command, *args);
  command->callback([args, &chosen] { chosen = [args] { return sweep(*args); }; });
}

}  // namespace pagoda
