// Which pages of a volume are in use.
//
// Models: pages handed out one by one, the one given back last first. A volume without a free page is an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace pagoda {

class VolumeSpace {
 public:
  explicit VolumeSpace(std::uint64_t pages) : pages_(pages) {}

  /// A page that nobody has; nothing if the volume is full.
  std::optional<std::uint64_t> allocate() {
    if (free_.empty()) return next_ < pages_ ? std::optional(next_++) : std::nullopt;
    const std::uint64_t page = free_.back();
    free_.pop_back();
    return page;
  }
  /// Gives back a page that allocate() returned.
  void release(std::uint64_t page) { free_.push_back(page); }

  std::uint64_t pages() const { return pages_; }
  std::uint64_t in_use() const { return next_ - free_.size(); }

 private:
  std::uint64_t pages_;
  std::uint64_t next_ = 0;  // of those never handed out
  std::vector<std::uint64_t> free_;
};

}  // namespace pagoda
