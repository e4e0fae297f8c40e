// Where a page-table editor gets memory for tables.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/base/access.h"

namespace pagoda {

class FrameSource {
 public:
  FrameSource() = default;
  FrameSource(const FrameSource&) = default;
  FrameSource& operator=(const FrameSource&) = default;
  FrameSource(FrameSource&&) = default;
  FrameSource& operator=(FrameSource&&) = default;
  virtual ~FrameSource() = default;

  /// A free range of `bytes` (a power of two, at least 4 KiB), aligned to its size; nothing if there is none left. Its
  /// contents may be anything.
  virtual std::optional<Addr> allocate(std::uint64_t bytes) = 0;
  /// Takes back a range as it was allocated.
  virtual void release(Addr address, std::uint64_t bytes) = 0;
};

/// Hands out one range from its beginning to its end and reuses nothing: enough for set-up and tests.
class BumpFrames : public FrameSource {
 public:
  BumpFrames(Addr begin, Addr end) : next_(begin), end_(end) {}

  std::optional<Addr> allocate(std::uint64_t bytes) override {
    const Addr start = (next_ + bytes - 1) & ~(bytes - 1);
    if (start < next_ || start > end_ || end_ - start < bytes) return {};
    next_ = start + bytes;
    in_use_ += bytes;
    return start;
  }
  void release(Addr /*address*/, std::uint64_t bytes) override { in_use_ -= bytes; }

  std::uint64_t bytes_in_use() const { return in_use_; }

 private:
  Addr next_;
  Addr end_;
  std::uint64_t in_use_ = 0;
};

}  // namespace pagoda
