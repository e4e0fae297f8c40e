// A window over the decompressed bytes of a trace, for readers that parse in place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "pagoda/workload/decompress.h"

namespace pagoda {

class TraceInput {
 public:
  /// The longest stretch that next_line() and peek() can give.
  static constexpr std::size_t kWindowBytes = 256 * 1024;

  /// `name` is for messages.
  TraceInput(std::unique_ptr<ByteStream> file, std::string name);

  const std::string& name() const { return name_; }
  const DecompressedBytes& bytes() const { return bytes_; }

  /// The next `wanted` bytes, fewer only if the stream ends before. Valid until the next call.
  std::string_view peek(std::size_t wanted) {
    if (end_ - begin_ < wanted) refill(wanted);
    return {buffer_.get() + begin_, end_ - begin_ < wanted ? end_ - begin_ : wanted};
  }

  /// Passes over bytes that peek() has given.
  void skip(std::size_t bytes) { begin_ += bytes; }

  /// The next line without its line break (LF or CR LF; the last line may lack it); false at the end. Valid
  /// until the next call. A line longer than the window comes in pieces.
  bool next_line(std::string_view& line) {
    const char* const from = buffer_.get() + begin_;
    const void* const newline = std::memchr(from, '\n', end_ - begin_);
    if (newline == nullptr) return next_line_after_refill(line);
    const std::size_t length = static_cast<std::size_t>(static_cast<const char*>(newline) - from);
    begin_ += length + 1;
    line = without_return({from, length});
    return true;
  }

  /// Bytes passed over since the start of the stream.
  std::uint64_t position() const { return dropped_ + begin_; }
  void rewind();

 private:
  static std::string_view without_return(std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }
  void refill(std::size_t wanted);
  bool next_line_after_refill(std::string_view& line);

  std::string name_;
  DecompressedBytes bytes_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t dropped_ = 0;  // bytes that were moved out of the buffer
  bool at_end_ = false;
};

}  // namespace pagoda
