// What is in a trace: `pagoda trace info`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pagoda/workload/trace_convert.h"
#include "pagoda/workload/trace_footprint.h"
#include "pagoda/workload/trace_format.h"

namespace pagoda {

/// The TLB sizes for which TraceSide::tlb_hits is given.
inline constexpr std::array<std::uint64_t, 6> kReuseEntries = {16, 64, 256, 1024, 4096, 16384};

/// The data accesses of a trace, or its fetches. The sizes are of what was touched, whole pages and lines of
/// it.
struct TraceSide {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;           ///< sum of the sizes
  std::uint64_t line_crossings = 0;  ///< records that touch more than one line
  std::uint64_t page_crossings = 0;  ///< records that touch more than one page
  std::uint64_t lines = 0;
  std::uint64_t pages = 0;
  Addr lowest = 0;   ///< first byte touched
  Addr highest = 0;  ///< last byte touched
  std::vector<PageRange> ranges;
  std::uint64_t page_accesses = 0;  ///< a record counts once for each page it touches
  /// How many of them a fully associative LRU TLB of kReuseEntries[i] entries hits (trace_reuse.h).
  std::array<std::uint64_t, kReuseEntries.size()> tlb_hits{};
};

struct TraceInfo {
  TraceFormat format = TraceFormat::lackey;
  Compression compression = Compression::none;
  std::uint64_t file_bytes = 0;
  std::uint64_t records = 0;
  std::array<std::uint64_t, kRecordKinds> by_kind{};  ///< indexed by RecordKind
  std::uint64_t instructions = 0;
  std::uint64_t dependent = 0;  ///< records whose address comes from a load
  TraceSide data;
  TraceSide code;
};

/// Reads a trace to its end. UserError as open_trace() and its reader.
TraceInfo trace_info(const std::string& path, std::optional<TraceFormat> format = {},
                     const TraceProgress& progress = {});

}  // namespace pagoda
