#include "pagoda/workload/trace_input.h"

#include <utility>

namespace pagoda {

TraceInput::TraceInput(std::unique_ptr<ByteStream> file, std::string name)
    : name_(std::move(name)),
      bytes_(std::move(file), name_),
      buffer_(std::make_unique_for_overwrite<char[]>(kWindowBytes)) {}

void TraceInput::refill(std::size_t wanted) {
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    dropped_ += begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ < wanted && end_ < kWindowBytes && !at_end_) {
    const std::size_t count = bytes_.read({buffer_.get() + end_, kWindowBytes - end_});
    end_ += count;
    at_end_ = count == 0;
  }
}

bool TraceInput::next_line_after_refill(std::string_view& line) {
  const bool more = peek(kWindowBytes).find('\n') != std::string_view::npos;
  if (more) return next_line(line);
  const std::string_view rest(buffer_.get() + begin_, end_ - begin_);
  begin_ = end_;
  line = without_return(rest);
  return !rest.empty();
}

void TraceInput::rewind() {
  bytes_.rewind();
  begin_ = end_ = 0;
  dropped_ = 0;
  at_end_ = false;
}

}  // namespace pagoda
