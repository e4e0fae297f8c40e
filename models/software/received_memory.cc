#include "pagoda/software/received_memory.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace pagoda {
namespace {

constexpr std::size_t kMaskBytes = sizeof(std::uint64_t);

bool all_zero(const unsigned char* line, std::size_t bytes) {
  return line[0] == 0 && std::memcmp(line, line + 1, bytes - 1) == 0;
}

}  // namespace

bool ReceivedMemory::store(std::uint64_t page, ConstPageBytes bytes) {
  if (!has(page)) {
    if (count_ == capacity_) return false;
    ++count_;
  }
  std::uint64_t mask = 0;
  for (std::size_t line = 0; line < kPage / kLine; ++line) {
    if (!all_zero(&bytes[line * kLine], kLine)) mask |= std::uint64_t{1} << line;
  }
  auto kept =
      std::make_unique_for_overwrite<unsigned char[]>(kMaskBytes + static_cast<unsigned>(std::popcount(mask)) * kLine);
  std::memcpy(kept.get(), &mask, kMaskBytes);
  unsigned char* next = kept.get() + kMaskBytes;
  for (; mask != 0; mask &= mask - 1, next += kLine) {
    std::memcpy(next, &bytes[static_cast<unsigned>(std::countr_zero(mask)) * kLine], kLine);
  }
  pages_[page] = std::move(kept);
  return true;
}

void ReceivedMemory::load(std::uint64_t page, PageBytes bytes) const {
  const unsigned char* kept = pages_[page].get();
  std::uint64_t mask = 0;
  std::memcpy(&mask, kept, kMaskBytes);
  kept += kMaskBytes;
  std::fill(bytes.begin(), bytes.end(), 0);
  for (; mask != 0; mask &= mask - 1, kept += kLine) {
    std::memcpy(&bytes[static_cast<unsigned>(std::countr_zero(mask)) * kLine], kept, kLine);
  }
}

bool ReceivedMemory::equals(std::uint64_t page, ConstPageBytes bytes) const {
  std::array<unsigned char, kPage> own;
  load(page, own);
  return std::equal(own.begin(), own.end(), bytes.begin());
}

void ReceivedMemory::write(std::uint64_t page, std::size_t offset, std::span<const unsigned char> bytes) {
  std::array<unsigned char, kPage> own;
  load(page, own);
  std::copy(bytes.begin(), bytes.end(), own.begin() + static_cast<std::ptrdiff_t>(offset));
  store(page, own);
}

void ReceivedMemory::clear() {
  for (auto& page : pages_) page.reset();
  count_ = 0;
}

}  // namespace pagoda
