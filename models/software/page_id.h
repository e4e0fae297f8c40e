// Which page of which process, as a pager knows it.
#pragma once

#include <cstdint>

#include "pagoda/paging/page_format.h"

namespace pagoda {

/// A page of 4 KiB of a process.
struct PageId {
  std::uint32_t process = 0;
  Addr address = 0;  ///< its first byte

  bool operator==(const PageId&) const = default;
  /// Of all pages, as long as processes are fewer than 4,096.
  std::uint64_t key() const { return std::uint64_t{process} << 52 | (address >> kPageShift & low_mask(52)); }
};

}  // namespace pagoda
