// Processes of this program, several at a time, each with limits of its own.
//
// A process that takes longer than it may, or holds more memory than it may, is killed. Memory is what is resident,
// looked at every 50 ms: address space (RLIMIT_AS) says nothing of a simulator that reserves the whole modelled memory
// and touches little of it. No process outlives the one that started it, and an interrupt from the keyboard reaches only
// the latter. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "pagoda/base/units.h"

namespace pagoda {

struct ProcessLimits {
  std::optional<Duration> time;
  std::optional<Bytes> memory;
};

/// A process that has come to its end.
struct EndedProcess {
  std::size_t id = 0;   ///< as given to start()
  int exit_status = 0;  ///< 128 and the number of the signal that ended it, as shells count
  bool signalled = false;
  std::string over_limit;  ///< why it was killed by the pool; empty if it was not
  double seconds = 0;
  std::uint64_t peak_bytes = 0;
};

class ProcessPool {
 public:
  ProcessPool() = default;
  ~ProcessPool() { kill_all(); }
  ProcessPool(const ProcessPool&) = delete;
  ProcessPool& operator=(const ProcessPool&) = delete;

  /// Runs this program with these arguments. What it prints goes to `output` (nowhere if empty), errors to `errors`.
  void start(std::size_t id, const std::vector<std::string>& arguments, const std::filesystem::path& output,
             const std::filesystem::path& errors, const ProcessLimits& limits);
  std::size_t running() const { return running_.size(); }
  /// Those that have ended, waiting until one does, but no longer than that. A signal ends the wait.
  std::vector<EndedProcess> wait(std::chrono::milliseconds longest);
  void kill_all();

 private:
  using Clock = std::chrono::steady_clock;
  struct Running {
    std::size_t id;
    pid_t pid;
    int descriptor;  // becomes readable when the process ends; -1 on a kernel without
    Clock::time_point started;
    ProcessLimits limits;
    std::string over_limit;
  };

  Clock::duration until_next_look(Clock::duration longest) const;
  void enforce_limits();

  std::vector<Running> running_;
};

/// From construction to destruction, SIGINT, SIGTERM and SIGHUP only make requested() true. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool requested();
};

}  // namespace pagoda
