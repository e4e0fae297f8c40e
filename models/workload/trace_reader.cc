#include "pagoda/workload/trace_reader.h"

#include <utility>

#include "pagoda/base/error.h"
#include "pagoda/workload/binary_reader.h"
#include "pagoda/workload/champsim_reader.h"
#include "pagoda/workload/lackey_reader.h"
#include "pagoda/workload/text_reader.h"

namespace pagoda {

TraceReader::TraceReader(TraceFormat format, std::unique_ptr<TraceInput> input)
    : format_(format), input_(std::move(input)) {}

std::size_t TraceReader::fill(std::span<Access> out) {
  if (out.empty()) return 0;
  const std::size_t count = decode(out);
  if (count == 0 && is_empty_) {
    throw UserError({input_->name(), 0}, {}, "the trace holds no record", "allowed: at least one");
  }
  is_empty_ = false;
  return count;
}

void TraceReader::rewind() {
  input_->rewind();
  is_empty_ = true;
  restart();
}

void TraceReader::fail_at_line(std::uint64_t line, const std::string& problem, const std::string& allowed) const {
  // A line number can exceed what SourceLocation holds: traces are long.
  throw UserError({input_->name() + ":" + std::to_string(line), 0}, {}, problem, allowed);
}

void TraceReader::fail_at(const std::string& place, const std::string& problem, const std::string& allowed) const {
  throw UserError({input_->name(), 0}, place, problem, allowed);
}

std::unique_ptr<TraceReader> open_trace(const std::string& path, std::optional<TraceFormat> format) {
  return read_trace(std::make_unique<FileBytes>(path), path, format);
}

std::unique_ptr<TraceReader> read_trace(std::unique_ptr<ByteStream> bytes, std::string name,
                                        std::optional<TraceFormat> format) {
  auto input = std::make_unique<TraceInput>(std::move(bytes), std::move(name));
  if (input->peek(1).empty()) {
    throw UserError({input->name(), 0}, {}, "the trace is empty", "allowed: at least one record");
  }
  switch (format ? *format : recognise_format(*input)) {
    case TraceFormat::champsim: return std::make_unique<ChampsimReader>(std::move(input));
    case TraceFormat::text: return std::make_unique<TextReader>(std::move(input));
    case TraceFormat::binary: return std::make_unique<BinaryReader>(std::move(input));
    case TraceFormat::lackey: break;
  }
  return std::make_unique<LackeyReader>(std::move(input));
}

}  // namespace pagoda
