// The memory of the machine that a process migrates to: the pages that it has received.
//
// Models: the bytes of each page, up to a number of pages; more are refused. Kept without the lines of 64 bytes that are
// zero, so that a large guest costs the host what its pages hold. Does not model: where in its machine a page lies.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace pagoda {

class ReceivedMemory {
 public:
  static constexpr std::size_t kPage = 4096;
  using PageBytes = std::span<unsigned char, kPage>;
  using ConstPageBytes = std::span<const unsigned char, kPage>;

  /// Page numbers below `range`, at most `capacity` of them.
  ReceivedMemory(std::uint64_t range, std::uint64_t capacity) : pages_(range), capacity_(capacity) {}

  /// Stores a page, over what was there; false: there is no room for it.
  bool store(std::uint64_t page, ConstPageBytes bytes);
  bool has(std::uint64_t page) const { return pages_[page] != nullptr; }
  /// A page that it has.
  void load(std::uint64_t page, PageBytes bytes) const;
  bool equals(std::uint64_t page, ConstPageBytes bytes) const;
  /// Changes bytes of a page that it has.
  void write(std::uint64_t page, std::size_t offset, std::span<const unsigned char> bytes);
  void clear();

  std::uint64_t count() const { return count_; }
  std::uint64_t capacity() const { return capacity_; }

 private:
  static constexpr std::size_t kLine = 64;

  // Which lines are kept, then those.
  std::vector<std::unique_ptr<unsigned char[]>> pages_;
  std::uint64_t capacity_;
  std::uint64_t count_ = 0;
};

}  // namespace pagoda
