// Writing a stream of accesses down as a trace.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "pagoda/workload/file_writer.h"
#include "pagoda/workload/trace_format.h"
#include "pagoda/workload/trace_record.h"

namespace pagoda {

class TraceWriter {
 public:
  virtual ~TraceWriter() = default;

  /// Records are what a reader may return: sizes in range, no gap at `same_instruction`, a fetch's ip its
  /// address.
  virtual void write(std::span<const Access> records) = 0;
  virtual void finish() = 0;

  /// Records of which the format could not hold everything (lackey: a gap, a dependence, an ip or an
  /// instruction of its own without a fetch); they read back as the same access without it.
  std::uint64_t simplified() const { return simplified_; }

 protected:
  std::uint64_t simplified_ = 0;
};

/// `format` is lackey, text or binary; UserError for champsim, which cannot hold sizes or a data access
/// alone.
std::unique_ptr<TraceWriter> make_trace_writer(TraceFormat format, std::unique_ptr<ByteSink> sink);

}  // namespace pagoda
