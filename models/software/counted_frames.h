// Frames for tables that hardware walks: counted, and not used again while it may still know them.
#pragma once

#include <utility>
#include <vector>

#include "pagoda/paging/frame_source.h"

namespace pagoda {

class CountedFrames final : public FrameSource {
 public:
  struct Frame {
    Addr address;
    std::uint64_t bytes;
  };

  explicit CountedFrames(FrameSource& source) : source_(source) {}

  std::optional<Addr> allocate(std::uint64_t bytes) override {
    const std::optional<Addr> frame = source_.allocate(bytes);
    if (frame) bytes_ += bytes;
    return frame;
  }
  /// They rest until somebody takes them and gives them back.
  void release(Addr address, std::uint64_t bytes) override {
    bytes_ -= bytes;
    resting_.push_back({address, bytes});
  }

  std::uint64_t bytes() const { return bytes_; }
  bool any_resting() const { return !resting_.empty(); }
  std::vector<Frame> take_resting() { return std::exchange(resting_, {}); }
  /// Hardware has forgotten them.
  void give_back(const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) source_.release(frame.address, frame.bytes);
  }

 private:
  FrameSource& source_;
  std::uint64_t bytes_ = 0;
  std::vector<Frame> resting_;
};

}  // namespace pagoda
