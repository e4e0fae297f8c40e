// The bytes of the modelled machine: sparse, lazily backed by the host.
//
// Models: contents only; who reads them pays time elsewhere. A 1 TiB memory of which 100 MiB are touched
// costs about 100 MiB of host memory: the address range is reserved and the host gives pages as they are
// written. Large loads, and ranges known to be used densely, ask for huge host pages.
//
// Errors: UserError if the host cannot reserve the range. Addresses are not checked by the unchecked fast
// accessors; the modules in front check contains().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "pagoda/base/access.h"
#include "pagoda/base/units.h"

namespace pagoda {

class PhysicalMemory {
 public:
  explicit PhysicalMemory(Bytes size, Addr base = 0);
  ~PhysicalMemory();
  PhysicalMemory(const PhysicalMemory&) = delete;
  PhysicalMemory& operator=(const PhysicalMemory&) = delete;

  Addr base() const { return base_; }
  std::uint64_t size() const { return size_; }
  bool contains(Addr address, std::uint64_t length) const {
    return address >= base_ && length <= size_ && address - base_ <= size_ - length;
  }

  /// The host address of a byte that the memory contains.
  unsigned char* data(Addr address) { return bytes_ + (address - base_); }
  const unsigned char* data(Addr address) const { return bytes_ + (address - base_); }

  std::uint64_t read64(Addr address) const {
    std::uint64_t value;
    std::memcpy(&value, data(address), sizeof value);
    return value;
  }
  void write64(Addr address, std::uint64_t value) { std::memcpy(data(address), &value, sizeof value); }

  /// Copies a block in, with huge host pages where it covers them. Throws std::out_of_range.
  void load(Addr address, std::span<const unsigned char> contents);
  /// Most of the range will be used: it may take huge host pages. Throws std::out_of_range.
  void expect_dense_use(Addr address, std::uint64_t length);
  /// Gives the host its pages back: the range reads as zero afterwards.
  void discard(Addr address, std::uint64_t length);
  /// Host memory behind the range, in bytes.
  std::uint64_t resident_bytes() const;

 private:
  Addr base_;
  std::uint64_t size_;
  unsigned char* bytes_ = nullptr;  // aligned to a huge host page
  void* mapping_ = nullptr;
  std::size_t mapping_size_ = 0;
};

}  // namespace pagoda
