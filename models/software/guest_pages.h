// The memory of a process as migration counts it: pages of 4 KiB of a few ranges of its addresses, numbered one after
// the other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "pagoda/base/access.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

class GuestPages {
 public:
  struct Range {
    Addr base = 0;  ///< a multiple of 4 KiB
    std::uint64_t pages = 0;
    std::uint64_t first = 0;  ///< number of its first page

    std::uint64_t bytes() const { return pages << kPageShift; }
    Addr end() const { return base + bytes(); }
  };

  /// Ranges that touch or overlap become one.
  void add(Addr base, std::uint64_t bytes) {
    if (bytes == 0) return;
    const Addr begin = base & ~low_mask(kPageShift);
    const Addr end = (base + bytes + low_mask(kPageShift)) & ~low_mask(kPageShift);
    ranges_.push_back({.base = begin, .pages = (end - begin) >> kPageShift});
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return a.base < b.base; });
    std::vector<Range> merged;
    for (const Range& range : ranges_) {
      if (!merged.empty() && range.base <= merged.back().end()) {
        merged.back().pages = (std::max(merged.back().end(), range.end()) - merged.back().base) >> kPageShift;
      } else {
        merged.push_back(range);
      }
    }
    ranges_ = merged;
    count_ = 0;
    for (Range& range : ranges_) {
      range.first = count_;
      count_ += range.pages;
    }
  }

  const std::vector<Range>& ranges() const { return ranges_; }
  std::uint64_t count() const { return count_; }
  std::optional<std::uint64_t> number_of(Addr address) const {
    for (const Range& range : ranges_) {
      if (address - range.base < range.bytes()) return range.first + ((address - range.base) >> kPageShift);
    }
    return std::nullopt;
  }
  Addr address_of(std::uint64_t number) const {
    for (const Range& range : ranges_) {
      if (number - range.first < range.pages) return range.base + ((number - range.first) << kPageShift);
    }
    return 0;
  }

 private:
  std::vector<Range> ranges_;
  std::uint64_t count_ = 0;
};

}  // namespace pagoda
