// Decides which lines a cache fetches before they are asked for.
//
// Models: next-line (after a miss, or after the first use of a prefetched line) and stride per 4 KiB region:
// a region's stride is trusted after it was seen twice in a row. Does not model: instruction-address based
// tables, throttling.
#pragma once

#include <cstdint>

#include "pagoda/base/access.h"
#include "pagoda/base/assoc_array.h"
#include "pagoda/memory/cache_config.h"

namespace pagoda {

class Prefetcher {
 public:
  Prefetcher(const PrefetchConfig& config, unsigned line_shift)
      : config_(config), line_shift_(line_shift), regions_({config.regions, config.regions, Replacement::lru}) {}

  bool enabled() const { return config_.kind != PrefetchKind::none; }

  /// Learns of a demand access to a line and calls `fetch(line_address)` for each line worth having.
  template <class Fetch>
  void observe(Addr line, bool first_use, Fetch fetch) {
    switch (config_.kind) {
      case PrefetchKind::none: return;
      case PrefetchKind::next_line:
        if (first_use) ahead(line, 1, fetch);
        return;
      case PrefetchKind::stride: {
        const std::int64_t stride = learned_stride(line);
        if (stride != 0) ahead(line, stride, fetch);
        return;
      }
    }
  }

 private:
  static constexpr unsigned kRegionShift = 12;
  static constexpr int kTrusted = 2;

  struct Region {
    std::int64_t last_line;
    std::int64_t stride;
    int confidence;
  };

  template <class Fetch>
  void ahead(Addr line, std::int64_t stride, Fetch fetch) {
    for (std::int64_t i = 1; i <= static_cast<std::int64_t>(config_.degree); ++i) {
      const Addr next = line + static_cast<Addr>(i * stride) * (Addr{1} << line_shift_);
      if (next >> kRegionShift != line >> kRegionShift) return;
      fetch(next);
    }
  }

  // The trusted stride, in lines, of the region that `line` lies in; 0 if there is none yet.
  std::int64_t learned_stride(Addr line) {
    const auto number = static_cast<std::int64_t>(line >> line_shift_);
    const std::uint64_t key = (line >> kRegionShift) + 1;
    Region* region = regions_.use(regions_.set_of(0), key);
    if (region == nullptr) {
      *regions_.insert(regions_.set_of(0), key) = {number, 0, 0};
      return 0;
    }
    const std::int64_t step = number - region->last_line;
    if (step == 0) return 0;
    if (step == region->stride) {
      region->confidence = region->confidence < kTrusted ? region->confidence + 1 : kTrusted;
    } else {
      region->stride = step;
      region->confidence = 1;
    }
    region->last_line = number;
    return region->confidence >= kTrusted ? region->stride : 0;
  }

  PrefetchConfig config_;
  unsigned line_shift_;
  AssocArray<Region> regions_;
};

}  // namespace pagoda
