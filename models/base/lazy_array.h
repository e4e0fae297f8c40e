// A fixed-size array of zero-initialised values whose host memory is taken only as it is touched.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

#include "pagoda/base/host_block.h"

namespace pagoda {

/// Large tables (the tags of a 256 MiB cache) start up at once and cost what the run uses of them, in huge pages of the
/// host where they fill those. All-zero bytes must be a proper value of `T`.
template <class T>
class LazyArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  LazyArray() = default;
  explicit LazyArray(std::size_t size)
      : block_(size * sizeof(T), alignof(T)), data_(static_cast<T*>(block_.data())), size_(size) {}

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t index) { return data_[index]; }
  const T& operator[](std::size_t index) const { return data_[index]; }
  std::span<T> subspan(std::size_t first, std::size_t count) { return {data_ + first, count}; }

 private:
  HostBlock block_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace pagoda
