#include "pagoda/memory/physical_memory.h"

#include <stdexcept>
#include <sys/mman.h>
#include <vector>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/base/host_block.h"

namespace pagoda {
namespace {

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

PhysicalMemory::PhysicalMemory(Bytes size, Addr base) : base_(base), size_(size.count) {
  mapping_size_ = round_up(size_, kHostPage) + kHugeHostPage;
  mapping_ = mmap(nullptr, mapping_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) {
    throw UserError(
        fmt::format("the host cannot reserve {} of address space for the modelled memory; "
                    "choose a smaller memory, raise `ulimit -v` or set vm.overcommit_memory to 0",
                    to_string(size)));
  }
  bytes_ = reinterpret_cast<unsigned char*>(round_up(reinterpret_cast<std::uintptr_t>(mapping_), kHugeHostPage));
}

PhysicalMemory::~PhysicalMemory() { munmap(mapping_, mapping_size_); }

void PhysicalMemory::load(Addr address, std::span<const unsigned char> contents) {
  if (!contains(address, contents.size())) throw std::out_of_range("a load outside the memory");
  want_huge_pages(data(address), contents.size());
  std::memcpy(data(address), contents.data(), contents.size());
}

void PhysicalMemory::expect_dense_use(Addr address, std::uint64_t length) {
  if (!contains(address, length)) throw std::out_of_range("a range outside the memory");
  want_huge_pages(data(address), length);
}

void PhysicalMemory::discard(Addr address, std::uint64_t length) {
  if (!contains(address, length)) throw std::out_of_range("a range outside the memory");
  const std::uint64_t begin = address - base_;
  const std::uint64_t end = begin + length;
  const std::uint64_t first_page = round_up(begin, kHostPage);
  const std::uint64_t last_page = end / kHostPage * kHostPage;
  if (first_page >= last_page) {
    std::memset(bytes_ + begin, 0, length);
    return;
  }
  std::memset(bytes_ + begin, 0, first_page - begin);
  madvise(bytes_ + first_page, last_page - first_page, MADV_DONTNEED);
  std::memset(bytes_ + last_page, 0, end - last_page);
}

std::uint64_t PhysicalMemory::resident_bytes() const {
  constexpr std::uint64_t kChunkPages = std::uint64_t{1} << 20;
  std::vector<unsigned char> resident;
  std::uint64_t pages = 0;
  const std::uint64_t all = round_up(size_, kHostPage) / kHostPage;
  for (std::uint64_t first = 0; first < all; first += kChunkPages) {
    const std::uint64_t count = std::min(kChunkPages, all - first);
    resident.resize(count);
    if (mincore(bytes_ + first * kHostPage, count * kHostPage, resident.data()) != 0) return 0;
    for (const unsigned char flags : resident) pages += flags & 1;
  }
  return pages * kHostPage;
}

}  // namespace pagoda
