#include "pagoda/base/host_block.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <utility>

namespace pagoda {

HostBlock::HostBlock(std::size_t bytes, std::size_t alignment) {
  const bool huge = bytes >= kHugeHostPage;
  if (huge) alignment = kHugeHostPage;
  std::size_t space = bytes + alignment;
  if (huge) {
    taken_ = mmap(nullptr, space, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (taken_ == MAP_FAILED) throw std::bad_alloc();
    mapped_ = space;
  } else {
    taken_ = std::calloc(1, space);
    if (taken_ == nullptr) throw std::bad_alloc();
  }
  data_ = taken_;
  std::align(alignment, bytes, data_, space);
  if (huge) want_huge_pages(data_, bytes);
}

HostBlock::~HostBlock() {
  if (mapped_ != 0) {
    munmap(taken_, mapped_);
  } else {
    std::free(taken_);
  }
}

void HostBlock::swap(HostBlock& other) noexcept {
  std::swap(taken_, other.taken_);
  std::swap(mapped_, other.mapped_);
  std::swap(data_, other.data_);
}

void want_huge_pages(void* begin, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::uintptr_t first = (address + kHugeHostPage - 1) / kHugeHostPage * kHugeHostPage;
  const std::uintptr_t end = (address + bytes) / kHugeHostPage * kHugeHostPage;
  if (first < end) madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

}  // namespace pagoda
