// The commands of Slurm that a sweep needs: sbatch, squeue, scontrol.
//
// Errors: UserError if Slurm is not installed or refuses what is submitted. A controller that does not answer is none:
// it may be about to come back.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pagoda {

/// What is passed on to sbatch.
struct SlurmOptions {
  std::string partition;
  std::string account;
  std::string time;
  std::string memory;
  std::vector<std::string> others;  ///< whole options: --qos=low
  std::size_t cpus_per_task = 1;

  std::vector<std::string> arguments() const;
};

struct SlurmTask {
  std::string job;  ///< of the array
  std::size_t task = 0;
  auto operator<=>(const SlurmTask&) const = default;
};

class SlurmCluster {
 public:
  /// UserError if Slurm is not there, or would not take a job with these options.
  explicit SlurmCluster(SlurmOptions options);

  /// Tasks that an array may have.
  std::size_t largest_array() const { return largest_array_; }
  const SlurmOptions& options() const { return options_; }

  /// Submits a script as an array, to run in `folder` with output to `log` there; the job's number. UserError if Slurm
  /// refuses or does not answer; in the latter case it may have taken the job all the same.
  std::string submit(const std::filesystem::path& script, std::size_t tasks, const std::string& name,
                     const std::filesystem::path& folder, const std::string& log) const;
  /// Tasks of jobs of that name that wait or run; nothing if the controller does not answer.
  static std::optional<std::set<SlurmTask>> alive(const std::string& name);

 private:
  SlurmOptions options_;
  std::size_t largest_array_ = 0;
};

}  // namespace pagoda
