// A block of the host's memory for one large table.
#pragma once

#include <cstddef>

namespace pagoda {

inline constexpr std::size_t kHostPage = 4096;
inline constexpr std::size_t kHugeHostPage = std::size_t{2} << 20;

/// Zero-initialised, and taken from the host only as it is touched: page by page, or what fills huge pages of the host in
/// those, if it has them to give. A table that is looked up all over costs the host fewer page walks so. Throws
/// std::bad_alloc.
class HostBlock {
 public:
  HostBlock() = default;
  /// `alignment` is a power of two of at most kHostPage.
  HostBlock(std::size_t bytes, std::size_t alignment);
  HostBlock(HostBlock&& other) noexcept { swap(other); }
  HostBlock& operator=(HostBlock&& other) noexcept {
    swap(other);
    return *this;
  }
  HostBlock(const HostBlock&) = delete;
  HostBlock& operator=(const HostBlock&) = delete;
  ~HostBlock();

  void* data() const { return data_; }

 private:
  void swap(HostBlock& other) noexcept;

  void* taken_ = nullptr;
  std::size_t mapped_ = 0;  // bytes, if they are not from the heap
  void* data_ = nullptr;
};

/// Asks for huge host pages for those that lie within [begin, begin + bytes): advice, without them it is only slower.
void want_huge_pages(void* begin, std::size_t bytes);

}  // namespace pagoda
