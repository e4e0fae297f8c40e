// Which pages and cache lines a stream of accesses touches.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pagoda/base/access.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

/// Footprints are counted in pages of 4 KiB and in lines of 64 bytes.
inline constexpr unsigned kLineShift = 6;

/// Whole pages that lie side by side.
struct PageRange {
  Addr begin = 0;
  std::uint64_t bytes = 0;

  std::uint64_t pages() const { return bytes >> kPageShift; }
  bool operator==(const PageRange&) const = default;
};

/// Sorts by address and joins ranges that touch or overlap.
std::vector<PageRange> merge_ranges(std::vector<PageRange> ranges);

/// The memory that a workload needs mapped before it can run without a page fault. A page that is both read
/// as data and executed is in both lists.
struct Footprint {
  std::vector<PageRange> data;  ///< ascending, apart from each other
  std::vector<PageRange> code;

  std::uint64_t data_pages() const;
  std::uint64_t code_pages() const;
  bool operator==(const Footprint&) const = default;
};

/// The set of pages, and of lines in them, that were touched. Takes memory for the pages, however long the
/// stream.
class TouchedPages {
 public:
  /// `size` at least 1, and `address + size - 1` does not wrap.
  void touch(Addr address, unsigned size) {
    const std::uint64_t first = address >> kLineShift;
    const std::uint64_t last = (address + size - 1) >> kLineShift;
    for (std::uint64_t line = first; line <= last; ++line) touch_line(line);
  }

  std::uint64_t pages() const { return lines_of_page_.size(); }
  std::uint64_t lines() const;
  std::vector<PageRange> ranges() const;

 private:
  static constexpr unsigned kLinesPerPageShift = kPageShift - kLineShift;

  void touch_line(std::uint64_t line) {
    if (line == recent_line_) return;
    recent_line_ = line;
    lines_of_page_[line >> kLinesPerPageShift] |= 1ULL << (line % (1U << kLinesPerPageShift));
  }

  std::uint64_t recent_line_ = ~0ULL;                                      // no address has this line
  boost::unordered_flat_map<std::uint64_t, std::uint64_t> lines_of_page_;  // a bit for each line
};

}  // namespace pagoda
