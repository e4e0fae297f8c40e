// A sweep from its files to its results: what `pagoda sweep` does, but for words on the terminal.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sc_main/sweep/plan.h"
#include "sc_main/sweep/point_runner.h"
#include "sc_main/sweep/results.h"
#include "sc_main/sweep/sweep_folder.h"

namespace pagoda {

struct SessionOptions {
  std::string out;
  bool resume = false;
  bool force = false;
  bool retry_failed = false;
  std::size_t jobs = 1;
  ProcessLimits limits;  ///< where set, instead of the sweep file's
  std::string cache;
  std::string version;  ///< of Pagoda
};

/// More points than this are not run without a special word.
inline constexpr std::size_t kManyPoints = 1'000'000;

class SweepSession {
 public:
  /// Checks everything that can be checked, and makes or opens the folder. Nothing has been started if it throws.
  /// Errors: UserError.
  SweepSession(const SweepPlan& plan, SessionOptions options, const std::function<void(std::size_t)>& checked = {});

  const SweepFolder& folder() const { return folder_; }
  const RunnerOptions& runner_options() const { return runner_options_; }
  /// Points to run, in order.
  const std::vector<std::size_t>& missing() const { return missing_; }

  /// Makes a runner that knows what has been run already.
  std::unique_ptr<PointRunner> make_runner(PointRunner::OnFinish on_finish) const;

  /// Writes the results. With all points run, removes what is left of an earlier sweep.
  SweepOutcome finish();

 private:
  static SweepFolder open_folder(const SweepPlan& plan, const SessionOptions& options,
                                 const std::function<void(std::size_t)>& checked);
  void sort_points();

  const SweepPlan& plan_;
  SessionOptions options_;
  SweepFolder folder_;
  RunnerOptions runner_options_;
  std::vector<std::size_t> missing_;
  std::vector<std::pair<std::string, std::size_t>> done_;  // key and number
};

}  // namespace pagoda
