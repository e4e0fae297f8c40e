// Turning a trace, or any stream of accesses, into a trace file: `pagoda trace convert`.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "pagoda/workload/trace_format.h"
#include "pagoda/workload/trace_source.h"

namespace pagoda {

/// Called now and then with how many bytes of the input file have been read.
using TraceProgress = std::function<void(std::uint64_t compressed_bytes)>;

struct WriteOptions {
  std::optional<TraceFormat> format;       ///< else by the name: .pgt, .txt, .lackey
  std::optional<Compression> compression;  ///< else by the name: a further .gz, .bz2, .xz, .zst
};

struct WriteResult {
  std::uint64_t records = 0;
  std::uint64_t simplified = 0;  ///< records of which the format could not hold everything (TraceWriter)
  TraceFormat format = TraceFormat::binary;
  Compression compression = Compression::none;
};

/// Writes all of `source` to `path`. UserError if the name does not tell the format, or the file cannot be
/// written; then nothing is left behind, and what was at `path` before is still there.
WriteResult write_trace(AccessSource& source, const std::string& path, const WriteOptions& options = {},
                        const std::function<void()>& after_batch = {});

/// Writes what the trace `from` holds to `to`, which may be the same file.
WriteResult convert_trace(const std::string& from, const std::string& to, std::optional<TraceFormat> from_format = {},
                          const WriteOptions& options = {}, const TraceProgress& progress = {});

}  // namespace pagoda
