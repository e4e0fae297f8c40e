// The progress line of long work: part done, rate and time left, on a terminal only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace pagoda {

class ProgressLine {
 public:
  /// `unit` is what is counted, for the rate: `accesses`.
  explicit ProgressLine(std::string unit);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// `fraction` 0 to 1, or 0 if unknown; `count` units done.
  void update(double fraction, std::uint64_t count);
  /// Takes the line away.
  void clear();

 private:
  std::string unit_;
  bool shown_ = false;
  bool terminal_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace pagoda
