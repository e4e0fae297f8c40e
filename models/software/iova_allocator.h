// Hands out ranges of I/O virtual addresses.
//
// Models: lengths rounded up to powers of two, freed ranges kept for the next request of the same length and page size,
// as Linux's per-CPU caches of ranges do (drivers/iommu/iova.c). A range never serves pages of another size: tables made
// for it stay right. Does not model: the tree behind those caches, its time and contention.
#pragma once

#include <bit>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "pagoda/paging/page_format.h"

namespace pagoda {

class IovaAllocator {
 public:
  /// Of [begin, end).
  IovaAllocator(Addr begin, Addr end) : next_(begin), end_(end) {}

  /// A range for so many bytes in pages of that size, aligned to them; nothing if there is none left.
  std::optional<Addr> allocate(std::uint64_t bytes, unsigned page_shift) {
    const std::uint64_t length = rounded(bytes, page_shift);
    std::vector<Addr>& free = free_[{length, page_shift}];
    if (!free.empty()) {
      const Addr range = free.back();
      free.pop_back();
      return range;
    }
    const Addr start = (next_ + low_mask(page_shift)) & ~low_mask(page_shift);
    if (start < next_ || start > end_ || end_ - start < length) return std::nullopt;
    next_ = start + length;
    return start;
  }
  void release(Addr range, std::uint64_t bytes, unsigned page_shift) {
    free_[{rounded(bytes, page_shift), page_shift}].push_back(range);
  }

 private:
  static std::uint64_t rounded(std::uint64_t bytes, unsigned page_shift) {
    return std::bit_ceil((bytes + low_mask(page_shift)) >> page_shift) << page_shift;
  }

  Addr next_;
  Addr end_;
  std::map<std::pair<std::uint64_t, unsigned>, std::vector<Addr>> free_;
};

}  // namespace pagoda
