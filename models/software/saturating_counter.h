// A counter of few bits. Once it has reached its highest value it stays there, because nobody knows any more how many
// there are, until it is set from a recount.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pagoda {

class SaturatingCounter {
 public:
  /// `bits`: 1 to 32.
  explicit SaturatingCounter(unsigned bits) : highest_((std::uint64_t{1} << bits) - 1) {}

  void increment() {
    if (!stuck()) ++value_;
  }
  /// Not below 1, unless stuck.
  void decrement() {
    if (!stuck()) --value_;
  }
  void set(std::uint64_t count) { value_ = std::min(count, highest_); }

  std::uint64_t value() const { return value_; }
  bool stuck() const { return value_ == highest_; }
  /// Whether it may stand for so many.
  bool stands_for(std::uint64_t count) const { return stuck() || value_ == count; }

 private:
  std::uint64_t value_ = 0;
  std::uint64_t highest_;
};

}  // namespace pagoda
