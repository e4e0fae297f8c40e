// The memory that page tables are edited in, as the editor sees it: 8-byte words at 8-byte-aligned addresses.
//
// Adapters give it to modelled physical memory, to a guest's memory behind a translation, or to a wrapper that counts
// or times what software does. SparseStore stands alone, for functional use and tests.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "pagoda/base/access.h"

namespace pagoda {

class ByteStore {
 public:
  ByteStore() = default;
  ByteStore(const ByteStore&) = default;
  ByteStore& operator=(const ByteStore&) = default;
  ByteStore(ByteStore&&) = default;
  ByteStore& operator=(ByteStore&&) = default;
  virtual ~ByteStore() = default;

  virtual std::uint64_t read(Addr address) = 0;
  virtual void write(Addr address, std::uint64_t value) = 0;
  /// Atomically replaces `expected` by `desired`; false, with the value found in `expected`, if it is not there.
  virtual bool compare_and_swap(Addr address, std::uint64_t& expected, std::uint64_t desired);
  /// Zeroes a range of whole words. Stores that can do so at once override it.
  virtual void clear(Addr address, std::uint64_t bytes);
};

/// Words that were never written are 0; costs a page of host memory for each 4 KiB page written to.
class SparseStore : public ByteStore {
 public:
  std::uint64_t read(Addr address) override;
  void write(Addr address, std::uint64_t value) override;
  void clear(Addr address, std::uint64_t bytes) override;

 private:
  static constexpr unsigned kWords = 512;
  using Page = std::array<std::uint64_t, kWords>;
  static Addr page_number(Addr address) { return address / (kWords * 8); }
  static unsigned word(Addr address) { return static_cast<unsigned>(address / 8 % kWords); }

  std::unordered_map<Addr, std::unique_ptr<Page>> pages_;
};

}  // namespace pagoda
