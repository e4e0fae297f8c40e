#include "sc_main/sweep/slurm_sweep.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "sc_main/sweep/probe.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kBetweenLooks{1000};
constexpr milliseconds kSignalLook{100};
constexpr double kSecondsOfTask = 60;
constexpr unsigned kStrikes = 3;
constexpr unsigned kRefusals = 60;  // with a look between them: a minute

SlurmOptions options_of(const SlurmRequest& request, SlurmBatches& batches) {
  if (!request.attach) batches.options() = request.options;
  return batches.options();
}

// As one word of a shell.
std::string quoted(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string program_path() { return fs::read_symlink("/proc/self/exe").string(); }

}  // namespace

SlurmSweep::SlurmSweep(const SweepPlan& plan, SweepSession& session, const SlurmRequest& request,
                       PointRunner::OnFinish on_finish, OnNote on_note)
    : plan_(plan),
      session_(session),
      folder_(session.folder()),
      batches_(folder_),
      cluster_(options_of(request, batches_)),
      on_finish_(std::move(on_finish)),
      on_note_(std::move(on_note)),
      runner_(session.make_runner([this](std::size_t number, const PointRecord& record) {
        open_.erase(number);
        on_finish_(number, record);
      })),
      chunk_(request.chunk) {}

bool SlurmSweep::run() {
  std::vector<std::size_t> todo = session_.missing();
  while (!todo.empty()) {
    // Of equal points, one is run; the others are copied from it in the next round.
    if (!follow(runner_->adopt(todo))) return false;
    const std::vector<std::size_t> finished = folder_.finished();
    std::erase_if(todo,
                  [&](std::size_t number) { return std::binary_search(finished.begin(), finished.end(), number); });
  }
  return true;
}

bool SlurmSweep::follow(const std::vector<std::size_t>& numbers) {
  open_ = {numbers.begin(), numbers.end()};
  while (!open_.empty()) {
    // Asked before the folder is looked at: what a task finished before it ended is then seen.
    const std::optional<std::set<SlurmTask>> alive = SlurmCluster::alive(batches_.job_name());
    take_finished();
    if (alive) {
      find_unrecorded(*alive);
      submit(left_behind(*alive));
      submit(cut(not_submitted()));
    } else if (!silent_) {
      on_note_("Slurm does not answer; waiting for it");
    }
    silent_ = !alive;
    if (!open_.empty() && !pause()) return false;
  }
  return true;
}

std::vector<std::size_t> SlurmSweep::not_submitted() const {
  const std::set<std::size_t> outstanding = batches_.outstanding();
  std::vector<std::size_t> numbers;
  std::set_difference(open_.begin(), open_.end(), outstanding.begin(), outstanding.end(), std::back_inserter(numbers));
  return numbers;
}

std::vector<std::vector<std::size_t>> SlurmSweep::cut(const std::vector<std::size_t>& numbers) {
  if (numbers.empty()) return {};
  if (chunk_ == 0) {
    const Estimate guess = estimate(plan_);
    const double fit = guess.tried == 0 ? 1 : kSecondsOfTask / guess.mean;
    chunk_ = static_cast<std::size_t>(std::clamp(fit, 1.0, static_cast<double>(numbers.size())));
  }
  const std::size_t least = (numbers.size() + cluster_.largest_array() - 1) / cluster_.largest_array();
  const std::size_t size = std::max(chunk_, least);
  std::vector<std::vector<std::size_t>> chunks;
  for (std::size_t i = 0; i < numbers.size(); i += size) {
    const std::size_t end = std::min(i + size, numbers.size());
    chunks.emplace_back(numbers.begin() + static_cast<std::ptrdiff_t>(i),
                        numbers.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return chunks;
}

void SlurmSweep::submit(const std::vector<std::vector<std::size_t>>& chunks) {
  for (std::size_t i = 0; i < chunks.size(); i += cluster_.largest_array()) {
    submit_array(std::span(chunks).subspan(i, std::min(cluster_.largest_array(), chunks.size() - i)));
  }
}

void SlurmSweep::submit_array(std::span<const std::vector<std::size_t>> chunks) {
  const std::size_t number = batches_.batches().size();
  const std::string name = SlurmBatches::batch_name(number);
  fs::create_directories(folder_.path() / name);
  SlurmBatch batch;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    folder_.write(fmt::format("{}/chunk-{}", name, i), fmt::format("{}\n", fmt::join(chunks[i], "\n")));
    batch.chunks.push_back({chunks[i]});
  }
  folder_.write(name + "/run", script(number));
  batches_.batches().push_back(std::move(batch));
  batches_.save();
  try {
    batches_.batches().back().job = cluster_.submit(folder_.path() / name / "run", chunks.size(), batches_.job_name(),
                                                    folder_.path(), name + "/task-%a.log");
    refusals_ = 0;
    batches_.save();
  } catch (const UserError& refusal) {
    // The controller may be restarting; whether it took the job shows when it answers again.
    if (++refusals_ == kRefusals) throw;
    if (refusals_ == 1) on_note_(refusal.what());
  }
}

std::string SlurmSweep::script(std::size_t batch) const {
  const RunnerOptions& options = session_.runner_options();
  const fs::path folder = folder_.path() / SlurmBatches::batch_name(batch);
  std::string line =
      fmt::format("exec {} sweep-worker {} --chunk {}/chunk-\"$SLURM_ARRAY_TASK_ID\" --jobs {}", quoted(program_path()),
                  quoted(folder_.path().string()), quoted(folder.string()), cluster_.options().cpus_per_task);
  if (options.limits.time) line += " --point-time " + quoted(to_string(*options.limits.time));
  if (options.limits.memory) line += " --point-memory " + quoted(to_string(*options.limits.memory));
  if (!options.cache.empty()) line += " --cache " + quoted(fs::absolute(options.cache).string());
  return "#!/bin/sh\n" + line + "\n";
}

// A batch without a number was about to be submitted when this sweep's process was killed or Slurm stopped answering. It
// was if there is a job that nobody knows of; else it is over, and its points are to be submitted.
void SlurmSweep::find_unrecorded(const std::set<SlurmTask>& alive) {
  std::set<std::string> jobs;
  for (const SlurmTask& task : alive) jobs.insert(task.job);
  for (const SlurmBatch& batch : batches_.batches()) jobs.erase(batch.job);
  for (SlurmBatch& batch : batches_.batches()) {
    if (!batch.job.empty()) continue;
    if (!jobs.empty()) {
      batch.job = *jobs.begin();
      jobs.erase(jobs.begin());
      continue;
    }
    for (SlurmChunk& chunk : batch.chunks) chunk.over = true;
    batch.job = "none";
  }
}

void SlurmSweep::take_finished() {
  for (const std::size_t number : folder_.finished()) {
    if (!open_.contains(number)) continue;
    const std::optional<PointRecord> record = read_record(folder_.point_path(number));
    if (!record || record->status == PointStatus::lost) {
      folder_.remove_point(number);
      continue;
    }
    open_.erase(number);
    if (record->status == PointStatus::done) runner_->know(record->key, folder_.point_path(number));
    on_finish_(number, *record);
  }
}

// What tasks that have ended did not finish, cut into chunks.
std::vector<std::vector<std::size_t>> SlurmSweep::left_behind(const std::set<SlurmTask>& alive) {
  std::vector<std::vector<std::size_t>> again;
  bool changed = false;
  for (std::size_t b = 0; b < batches_.batches().size(); ++b) {
    SlurmBatch& batch = batches_.batches()[b];
    for (std::size_t task = 0; task < batch.chunks.size(); ++task) {
      SlurmChunk& chunk = batch.chunks[task];
      if (chunk.over || alive.contains({batch.job, task})) continue;
      chunk.over = true;
      changed = true;
      std::vector<std::size_t> rest;
      std::copy_if(chunk.points.begin(), chunk.points.end(), std::back_inserter(rest),
                   [&](std::size_t number) { return open_.contains(number); });
      if (rest.empty()) continue;
      if (rest.size() < chunk.points.size()) {
        again.push_back(std::move(rest));
        continue;
      }
      for (const std::size_t number : rest) {
        strike(number, SlurmBatches::batch_name(b), task);
        if (open_.contains(number)) again.push_back({number});
      }
    }
  }
  if (changed) batches_.save();
  return again;
}

void SlurmSweep::strike(std::size_t number, const std::string& batch, std::size_t task) {
  if (++batches_.strikes()[number] < kStrikes) return;
  runner_->give_up(number, fmt::format("its Slurm task ended {} times without finishing it; see {}/task-{}.log",
                                       kStrikes, batch, task));
}

bool SlurmSweep::jobs_alive(const SweepFolder& folder) {
  if (!SlurmBatches::exist(folder)) return false;
  const SlurmBatches batches(folder);
  if (batches.outstanding().empty()) return false;
  const std::optional<std::set<SlurmTask>> alive = SlurmCluster::alive(batches.job_name());
  return alive && !alive->empty();
}

bool SlurmSweep::pause() const {
  for (milliseconds waited{0}; waited < kBetweenLooks; waited += kSignalLook) {
    if (InterruptGuard::requested()) return false;
    std::this_thread::sleep_for(kSignalLook);
  }
  return !InterruptGuard::requested();
}

}  // namespace pagoda
