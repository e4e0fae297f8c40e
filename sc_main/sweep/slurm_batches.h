// What a sweep has submitted to Slurm: job arrays, whose tasks each run a chunk of points.
//
// Kept in slurm/state.json, so that another process can go on following them. Each change is on disk before it takes
// effect; of a batch that was about to be submitted when the process was killed, the job's name tells whether it was.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sc_main/sweep/slurm_cluster.h"
#include "sc_main/sweep/sweep_folder.h"

namespace pagoda {

struct SlurmChunk {
  std::vector<std::size_t> points;
  bool over = false;  ///< its task has ended, and what it left was taken care of
};

struct SlurmBatch {
  std::string job;  ///< empty until it is submitted
  std::vector<SlurmChunk> chunks;
};

class SlurmBatches {
 public:
  /// Reads the state if there is one.
  explicit SlurmBatches(const SweepFolder& folder);

  static bool exist(const SweepFolder& folder);

  /// Name of all the sweep's jobs.
  const std::string& job_name() const { return job_name_; }
  std::vector<SlurmBatch>& batches() { return batches_; }
  SlurmOptions& options() { return options_; }
  /// Tasks that ended without finishing any of their points, by point.
  std::map<std::size_t, unsigned>& strikes() { return strikes_; }
  /// Points of chunks that are not over.
  std::set<std::size_t> outstanding() const;

  void save() const;

  /// `slurm/batch-0003`.
  static std::string batch_name(std::size_t number);

 private:
  void load();

  const SweepFolder& folder_;
  std::string job_name_;
  SlurmOptions options_;
  std::vector<SlurmBatch> batches_;
  std::map<std::size_t, unsigned> strikes_;
};

}  // namespace pagoda
