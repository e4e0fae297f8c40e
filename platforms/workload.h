// Turns a workload's configuration into a stream of accesses.
#pragma once

#include <memory>

#include "pagoda/workload/trace_reader.h"
#include "pagoda/workload/trace_source.h"
#include "platforms/platform_config.h"

namespace pagoda {

/// A core's program and how far it has come.
class Workload {
 public:
  /// `seed` makes the patterns of different cores differ. Errors: UserError.
  Workload(const WorkloadConfig& config, std::uint64_t seed);

  /// The stream, once.
  std::unique_ptr<AccessSource> take() { return std::move(source_); }
  AccessSource& source() { return *source_; }

  /// Part done, 0 to 1, when so many records were run; 0 if that cannot be known (a trace that is repeated).
  double progress(std::uint64_t records) const;

 private:
  std::unique_ptr<AccessSource> source_;
  const TraceReader* reader_ = nullptr;  // owned by the stream; of a trace that is run once
  std::uint64_t file_bytes_ = 0;
  std::uint64_t records_ = 0;  // in all, if known
};

}  // namespace pagoda
