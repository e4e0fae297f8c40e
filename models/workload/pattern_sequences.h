// The orders in which patterns visit their region. Each gives one offset after the other, and the same again
// after restart().
#pragma once

#include <algorithm>
#include <cstdint>

#include "pagoda/workload/pattern.h"
#include "pagoda/workload/pattern_permutation.h"
#include "pagoda/workload/pattern_random.h"
#include "pagoda/workload/pattern_zipf.h"
#include "pagoda/workload/trace_footprint.h"

namespace pagoda::pattern {

/// What is drawn independently of each other from one seed.
enum Stream : std::uint64_t { kAddresses, kWrites, kOrder, kLines, kParts };

/// Where in the region an element is accessed.
class Elements {
 public:
  explicit Elements(const PatternConfig& config)
      : count_(config.size.count / config.element.count),
        bytes_(config.element.count),
        lines_(config.spread_lines ? ((bytes_ - config.access_size.count) >> kLineShift) + 1 : 1),
        salt_(derived_seed(config.seed, kLines)) {}

  std::uint64_t count() const { return count_; }

  std::uint64_t offset(std::uint64_t index) const {
    if (lines_ == 1) return index * bytes_;
    // Elements of more lines than 32 bits count are not spread over all of them.
    const std::uint64_t line = ((stirred(index ^ salt_) >> 32) * (lines_ & 0xffff'ffff)) >> 32;
    return index * bytes_ + (line << kLineShift);
  }

 private:
  std::uint64_t count_;
  std::uint64_t bytes_;
  std::uint64_t lines_;
  std::uint64_t salt_;
};

/// Sequential and strided.
class Stepping {
 public:
  Stepping(const PatternConfig& config, std::uint64_t step)
      : step_(step), last_(config.size.count - config.access_size.count) {}

  std::uint64_t next() {
    const std::uint64_t offset = next_;
    next_ = step_ > last_ - offset ? 0 : offset + step_;
    return offset;
  }
  void restart() { next_ = 0; }

 private:
  std::uint64_t step_;
  std::uint64_t last_;  // where an access still fits
  std::uint64_t next_ = 0;
};

class Uniform {
 public:
  explicit Uniform(const PatternConfig& config)
      : elements_(config), seed_(derived_seed(config.seed, kAddresses)), engine_(seed_) {}

  std::uint64_t next() { return elements_.offset(uniform_below(engine_, elements_.count())); }
  void restart() { engine_.seed(seed_); }

 private:
  Elements elements_;
  std::uint64_t seed_;
  PatternEngine engine_;
};

class Zipf {
 public:
  explicit Zipf(const PatternConfig& config)
      : elements_(config),
        seed_(derived_seed(config.seed, kAddresses)),
        engine_(seed_),
        rank_(elements_.count(), config.zipf_exponent),
        order_(elements_.count(), derived_seed(config.seed, kOrder)),
        scattered_(config.scattered) {}

  std::uint64_t next() {
    const std::uint64_t rank = rank_(engine_);
    return elements_.offset(scattered_ ? order_(rank) : rank);
  }
  void restart() { engine_.seed(seed_); }

 private:
  Elements elements_;
  std::uint64_t seed_;
  PatternEngine engine_;
  ZipfDistribution rank_;
  Permutation order_;
  bool scattered_;
};

/// Element order(0) points to order(1), and so on, and the last one to the first: one cycle through all, and
/// a random one, as the order is.
class Chase {
 public:
  explicit Chase(const PatternConfig& config)
      : elements_(config), order_(elements_.count(), derived_seed(config.seed, kOrder)) {}

  std::uint64_t next() {
    const std::uint64_t index = order_(step_);
    step_ = step_ + 1 == elements_.count() ? 0 : step_ + 1;
    return elements_.offset(index);
  }
  void restart() { step_ = 0; }

 private:
  Elements elements_;
  Permutation order_;
  std::uint64_t step_ = 0;
};

class HotCold {
 public:
  explicit HotCold(const PatternConfig& config)
      : elements_(config),
        seed_(derived_seed(config.seed, kAddresses)),
        engine_(seed_),
        is_hot_(config.hot_share),
        hot_(hot_elements(config, elements_.count())),
        order_(elements_.count(), derived_seed(config.seed, kOrder)),
        scattered_(config.scattered) {}

  std::uint64_t next() {
    const bool is_hot = is_hot_(engine_);
    const std::uint64_t first = is_hot ? 0 : hot_;
    const std::uint64_t index = first + uniform_below(engine_, is_hot ? hot_ : elements_.count() - hot_);
    return elements_.offset(scattered_ ? order_(index) : index);
  }
  void restart() { engine_.seed(seed_); }

 private:
  static std::uint64_t hot_elements(const PatternConfig& config, std::uint64_t count) {
    const double wanted = config.hot_fraction * static_cast<double>(count) + 0.5;
    return std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count - 1);
  }

  Elements elements_;
  std::uint64_t seed_;
  PatternEngine engine_;
  Coin is_hot_;
  std::uint64_t hot_;  // the elements below this one are hot
  Permutation order_;
  bool scattered_;
};

}  // namespace pagoda::pattern
