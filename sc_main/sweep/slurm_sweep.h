// Runs points of a sweep on a Slurm cluster that shares the sweep's folder.
//
// Missing points are cut into chunks, a chunk is a task of a job array, and a task runs `pagoda sweep-worker` on its
// chunk. The folder tells what is finished, squeue which tasks are still there; what a task left behind when it ended
// (its node failed, it was pre-empted or cancelled) is submitted again. A task that ended without finishing anything
// counts against its points, which then go on one by one; with three such tasks a point is recorded as failed.
// Jobs go on without this process, and another one can follow them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "sc_main/sweep/point_runner.h"
#include "sc_main/sweep/session.h"
#include "sc_main/sweep/slurm_batches.h"
#include "sc_main/sweep/slurm_cluster.h"

namespace pagoda {

struct SlurmRequest {
  SlurmOptions options;
  std::size_t chunk = 0;  ///< points of a task; 0: about a minute's worth
  bool attach = false;    ///< options of the earlier submission hold
};

class SlurmSweep {
 public:
  /// What a user should know of while it waits.
  using OnNote = std::function<void(const std::string&)>;

  SlurmSweep(const SweepPlan& plan, SweepSession& session, const SlurmRequest& request, PointRunner::OnFinish on_finish,
             OnNote on_note);

  /// Runs what is missing. False if it was interrupted; jobs go on then.
  bool run();

  /// Whether jobs of the sweep in that folder wait or run, as far as Slurm says.
  static bool jobs_alive(const SweepFolder& folder);

 private:
  bool follow(const std::vector<std::size_t>& numbers);
  void submit(const std::vector<std::vector<std::size_t>>& chunks);
  void submit_array(std::span<const std::vector<std::size_t>> chunks);
  std::vector<std::size_t> not_submitted() const;
  std::vector<std::vector<std::size_t>> cut(const std::vector<std::size_t>& numbers);
  std::string script(std::size_t batch) const;
  void find_unrecorded(const std::set<SlurmTask>& alive);
  void take_finished();
  std::vector<std::vector<std::size_t>> left_behind(const std::set<SlurmTask>& alive);
  void strike(std::size_t number, const std::string& batch, std::size_t task);
  bool pause() const;

  const SweepPlan& plan_;
  SweepSession& session_;
  const SweepFolder& folder_;
  SlurmBatches batches_;
  SlurmCluster cluster_;
  PointRunner::OnFinish on_finish_;
  OnNote on_note_;
  std::unique_ptr<PointRunner> runner_;
  std::size_t chunk_;
  std::set<std::size_t> open_;  // points that are waited for
  unsigned refusals_ = 0;       // submissions in a row
  bool silent_ = false;         // Slurm does not answer
};

}  // namespace pagoda
