// Folders of sweeps with points that tests make up.
#pragma once

#include <filesystem>
#include <string>

#include "pagoda/base/temporary_folder.h"
#include "sc_main/sweep/sweep_folder.h"

namespace pagoda::testing {

std::string read_file(const std::filesystem::path& path);

/// A sweep of sources_of(), in a temporary folder that goes away with it.
class SweepOnDisk {
 public:
  explicit SweepOnDisk(const std::string& rest);

  const SweepPlan& plan() const { return plan_; }
  SweepFolder& folder() { return folder_; }
  const std::filesystem::path& temporary() const { return temporary_.path(); }
  /// A point as a run would leave it; whether it came first.
  bool put(std::size_t number, PointStatus status, const std::string& stats_csv, const std::string& reason = {});

 private:
  TemporaryFolder temporary_{"pagoda-sweep-test"};
  SweepPlan plan_;
  SweepFolder folder_;
};

}  // namespace pagoda::testing
