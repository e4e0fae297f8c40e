// What a device's log of written memory looks like in host memory: a map with a bit or a byte for each granule.
//
// Granule i of a region of memory is its i-th 2^granule_shift bytes. A bit map has it as bit i % 8 of byte i / 8; a byte
// map as byte i, 1 if written. Bytes outside are the host's.
#pragma once

#include <algorithm>
#include <cstdint>

#include <boost/describe/enum.hpp>

#include "pagoda/base/access.h"

namespace pagoda {

enum class DirtyMapKind : std::uint8_t { bit, byte };
BOOST_DESCRIBE_ENUM(DirtyMapKind, bit, byte)

/// What makes the device log: the first write by a translation, or every write.
enum class DirtyLogging : std::uint8_t { miss, write };
BOOST_DESCRIBE_ENUM(DirtyLogging, miss, write)

struct DirtyMapShape {
  unsigned granule_shift = 12;
  DirtyMapKind kind = DirtyMapKind::bit;

  /// Bits of the map that a granule takes.
  constexpr std::uint64_t bits() const { return kind == DirtyMapKind::bit ? 1 : 8; }
  constexpr std::uint64_t granules(std::uint64_t region_bytes) const {
    return (region_bytes + (std::uint64_t{1} << granule_shift) - 1) >> granule_shift;
  }
  constexpr std::uint64_t map_bytes(std::uint64_t region_bytes) const {
    return (granules(region_bytes) * bits() + 7) / 8;
  }
};

/// Granules [first, end).
struct GranuleRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;

  bool operator==(const GranuleRange&) const = default;
};

/// The granules of a region of `bytes` that [offset, offset + length) touches; offset may lie before the region's
/// beginning by up to 2^63 (it is a difference of addresses).
constexpr GranuleRange granules_touched(const DirtyMapShape& shape, std::uint64_t bytes, std::uint64_t offset,
                                        std::uint64_t length) {
  if (length == 0) return {};
  const auto start = static_cast<std::int64_t>(offset);
  const std::int64_t stop = start + static_cast<std::int64_t>(length);
  const std::int64_t first = std::max<std::int64_t>(start, 0);
  const std::int64_t end = std::min<std::int64_t>(stop, static_cast<std::int64_t>(bytes));
  if (first >= end) return {};
  return {static_cast<std::uint64_t>(first) >> shape.granule_shift,
          (static_cast<std::uint64_t>(end - 1) >> shape.granule_shift) + 1};
}

}  // namespace pagoda
