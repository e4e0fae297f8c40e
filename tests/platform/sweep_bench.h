// A sweep of short points in a folder of its own, and the program running it as a process that can be killed.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

#include "platform/program.h"

namespace pagoda::testing {

/// `pagoda` in the background, in the folder of a workspace; what it says goes to a file there.
class BackgroundProgram {
 public:
  BackgroundProgram(const Workspace& workspace, const std::vector<std::string>& arguments);
  /// Kills it if it still runs.
  ~BackgroundProgram();
  BackgroundProgram(const BackgroundProgram&) = delete;
  BackgroundProgram& operator=(const BackgroundProgram&) = delete;

  /// Its processes for points.
  std::vector<pid_t> workers() const;
  void signal(int number) const;
  /// 128 and the signal's number if one ended it.
  int wait();

 private:
  pid_t pid_;
  bool ended_ = false;
};

/// Waits up to a second for a process that is not ours to end.
bool ends_soon(pid_t pid);

/// Writes a sweep of `points` points that take `accesses` each, and returns its file.
std::string write_sweep(const Workspace& workspace, int points, int accesses, const std::string& rest = {});

/// When each finished point was put in place; the numbers are those of its file, so that a second one would differ.
std::map<std::string, std::string> finished_points(const std::filesystem::path& sweep);

}  // namespace pagoda::testing
