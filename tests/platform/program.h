// Runs the pagoda program as a user does, and reads what it leaves behind.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pagoda/base/temporary_folder.h"

namespace pagoda::testing {

struct Outcome {
  int status = -1;
  std::string out;
  std::string errors;
};

/// A folder of its own for every test, gone afterwards; programs run in it.
class Workspace {
 public:
  std::filesystem::path path(const std::string& name = {}) const { return folder_.path() / name; }
  /// Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& text) const;
  /// Runs the program at a path with these arguments, which no shell sees.
  Outcome execute(const std::string& command, const std::vector<std::string>& arguments) const;
  Outcome pagoda(const std::vector<std::string>& arguments) const;

 private:
  TemporaryFolder folder_{"pagoda-test"};
};

std::string read_file(const std::filesystem::path& path);

/// The statistics of a run.
class RunStats {
 public:
  explicit RunStats(const std::filesystem::path& stats_json);
  /// The value at a path such as cpu0.mmu.walker.walks. A missing one is a failure of the test.
  double operator[](const std::string& path) const;
  bool has(const std::string& path) const;

 private:
  const nlohmann::json* find(const std::string& path) const;
  nlohmann::json root_;
};

/// Runs a platform that must succeed.
RunStats run_platform(const Workspace& workspace, std::vector<std::string> arguments);

}  // namespace pagoda::testing
