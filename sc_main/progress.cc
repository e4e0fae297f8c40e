#include "sc_main/progress.h"

#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

#include "pagoda/base/units.h"

namespace pagoda {

ProgressLine::ProgressLine(std::string unit)
    : unit_(std::move(unit)), terminal_(isatty(STDERR_FILENO) != 0), start_(std::chrono::steady_clock::now()) {}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::update(double fraction, std::uint64_t count) {
  if (!terminal_) return;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(count) / seconds : 0;
  std::string line = fmt::format("{} {}, {}/s", pretty_count(static_cast<double>(count)), unit_, pretty_count(rate));
  if (fraction > 0) {
    const double left = seconds * (1 - fraction) / fraction;
    line = fmt::format("{:3.0f} %  {}  {} left", fraction * 100, line, pretty_duration(left));
  }
  fmt::print(stderr, "\r{:<78}", line);
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) fmt::print(stderr, "\r{:78}\r", "");
  shown_ = false;
}

}  // namespace pagoda
