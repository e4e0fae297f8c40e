// Reading traces of any format and compression as a stream of accesses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "pagoda/workload/trace_format.h"
#include "pagoda/workload/trace_input.h"
#include "pagoda/workload/trace_source.h"

namespace pagoda {

/// What all readers share. Whatever is wrong with a trace is a UserError that says where: the line of a text,
/// the record or block of a binary.
class TraceReader : public AccessSource {
 public:
  /// A trace without a single record is an error.
  std::size_t fill(std::span<Access> out) final;
  void rewind() final;

  TraceFormat format() const { return format_; }
  Compression compression() const { return input_->bytes().compression(); }
  /// How far the file has been read; out of its size on disk, this is the progress.
  std::uint64_t compressed_bytes() const { return input_->bytes().compressed_bytes(); }

 protected:
  TraceReader(TraceFormat format, std::unique_ptr<TraceInput> input);

  TraceInput& input() { return *input_; }

  /// As fill().
  virtual std::size_t decode(std::span<Access> out) = 0;
  /// Forget what was read; the input starts again.
  virtual void restart() = 0;

  /// `place` is a line number.
  [[noreturn]] void fail_at_line(std::uint64_t line, const std::string& problem, const std::string& allowed) const;
  /// `place` reads like `record 7` or `byte 128`.
  [[noreturn]] void fail_at(const std::string& place, const std::string& problem, const std::string& allowed) const;

 private:
  TraceFormat format_;
  std::unique_ptr<TraceInput> input_;
  bool is_empty_ = true;
};

/// Opens a trace. Format and compression are recognised by content unless `format` is given.
std::unique_ptr<TraceReader> open_trace(const std::string& path, std::optional<TraceFormat> format = {});

/// The same for bytes from elsewhere; `name` is for messages.
std::unique_ptr<TraceReader> read_trace(std::unique_ptr<ByteStream> bytes, std::string name,
                                        std::optional<TraceFormat> format = {});

}  // namespace pagoda
