#include "pagoda/workload/trace_footprint.h"

#include <algorithm>

namespace pagoda {
namespace {

std::uint64_t pages_in(const std::vector<PageRange>& ranges) {
  std::uint64_t pages = 0;
  for (const PageRange& range : ranges) pages += range.pages();
  return pages;
}

}  // namespace

std::vector<PageRange> merge_ranges(std::vector<PageRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const PageRange& a, const PageRange& b) { return a.begin < b.begin; });
  std::vector<PageRange> merged;
  for (const PageRange& range : ranges) {
    if (range.bytes == 0) continue;
    // Distances from the last begin, not ends: the end of the topmost page does not fit an address.
    if (!merged.empty() && range.begin - merged.back().begin <= merged.back().bytes) {
      const std::uint64_t reach = range.begin - merged.back().begin + range.bytes;
      merged.back().bytes = std::max(merged.back().bytes, reach);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

std::uint64_t Footprint::data_pages() const { return pages_in(data); }
std::uint64_t Footprint::code_pages() const { return pages_in(code); }

std::uint64_t TouchedPages::lines() const {
  std::uint64_t lines = 0;
  for (const auto& [page, mask] : lines_of_page_) lines += static_cast<unsigned>(std::popcount(mask));
  return lines;
}

std::vector<PageRange> TouchedPages::ranges() const {
  std::vector<PageRange> ranges;
  ranges.reserve(lines_of_page_.size());
  for (const auto& [page, mask] : lines_of_page_) ranges.push_back({page << kPageShift, kPageBytes});
  return merge_ranges(std::move(ranges));
}

}  // namespace pagoda
