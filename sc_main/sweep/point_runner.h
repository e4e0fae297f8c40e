// Runs points of a sweep, each in a process of its own, and leaves each in its folder.
//
// A point whose results are known already (of an equal point of this sweep, of the cache, of a sweep that this one
// replaces) is copied. Equal points wait for the first of them. Whatever a point does, the others go on.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sc_main/sweep/plan.h"
#include "sc_main/sweep/point_cache.h"
#include "sc_main/sweep/point_key.h"
#include "sc_main/sweep/point_record.h"
#include "sc_main/sweep/process_pool.h"
#include "sc_main/sweep/sweep_folder.h"

namespace pagoda {

struct RunnerOptions {
  std::size_t jobs = 1;
  ProcessLimits limits;
  std::string cache;   ///< folder of a shared cache; empty: none
  std::string worker;  ///< name of this process's own folder under work/
};

class PointRunner {
 public:
  /// Called when a point is finished.
  using OnFinish = std::function<void(std::size_t number, const PointRecord& record)>;

  PointRunner(const SweepPlan& plan, const SweepFolder& folder, RunnerOptions options, OnFinish on_finish);

  /// Says that the results in `folder` belong to a key.
  void know(const std::string& key, const std::filesystem::path& folder) { known_[key] = folder; }
  /// The same for the platform and traces alone, whatever the program.
  void know_content(const std::string& content, const std::filesystem::path& folder) {
    known_contents_[content] = folder;
  }

  /// Copies what is known of these, and returns the others: of equal points only the first.
  std::vector<std::size_t> adopt(const std::vector<std::size_t>& numbers);
  /// Records a point as failed that something else kept from being run.
  void give_up(std::size_t number, const std::string& reason);
  /// Runs them all. False if it was interrupted: what was under way is lost then.
  bool run(const std::vector<std::size_t>& numbers);

 private:
  struct UnderWay {
    PointKey key;
    std::uint64_t seed;
    std::filesystem::path folder;  // of work
  };

  bool start_next();
  bool adopted(std::size_t number, const PlatformConfig& config, const PointKey& key);
  void start(std::size_t number, const PlatformConfig& config, const PointKey& key);
  void finish(const EndedProcess& ended);
  PointRecord judge(const EndedProcess& ended, const std::filesystem::path& folder) const;
  void collect_log(std::size_t number, const std::filesystem::path& folder) const;
  void put_in_place(std::size_t number, const std::filesystem::path& folder, PointRecord record, const PointKey& key);
  std::string record_json(std::size_t number, const PointRecord& record) const;

  const SweepPlan& plan_;
  const SweepFolder& folder_;
  RunnerOptions options_;
  OnFinish on_finish_;
  KeyMaker keys_;
  std::optional<PointCache> cache_;
  std::filesystem::path work_;
  ProcessPool pool_;
  std::map<std::string, std::filesystem::path> known_;           // by full key
  std::map<std::string, std::filesystem::path> known_contents_;  // by content
  std::deque<std::size_t> queue_;
  std::map<std::size_t, UnderWay> under_way_;
  std::map<std::string, std::vector<std::size_t>> waiting_;  // for a key that is under way
};

}  // namespace pagoda
