// Lines of page tables that the host's caches may hold, as the memory's side knows them.
//
// Models: a directory bit per line (as Intel's memory directory has one in spare ECC bits), set when the line goes to
// the host; a line whose bit is set is asked for before the array uses it. What no cache has any more clears the bit; a
// clean copy does not disturb a reader, but has to go before the array writes; a dirty one is written back first. Does
// not model: the space of the bits, false sharing of a bit by several lines, a line that a cache has taken by writing
// all of it at once without reading it (no walker writes tables so).
#pragma once

#include <cstdint>

#include "pagoda/base/access.h"
#include "pagoda/base/lazy_array.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/time.h"

namespace pagoda {

/// The caches of the host.
class HostCaches {
 public:
  enum class Copy : std::uint8_t { none, clean, dirty };

  virtual ~HostCaches() = default;
  virtual Copy find(Addr line) = 0;
  /// Takes the line from all of them, from `at` on; when it is gone, and back in memory if it was dirty.
  virtual Ps recall(Addr line, Ps at, Ps floor) = 0;
};

class HostCopies {
 public:
  /// Of the lines in [base, base + size). A recall takes `recall` before what writing back takes.
  HostCopies(Addr base, std::uint64_t size, Ps recall)
      : base_(base), size_(size), recall_(recall), bits_((size >> kLineShift) / 64 + 1) {}

  void connect(HostCaches& caches) { caches_ = &caches; }

  /// The host has read or written this address.
  void note(Addr address) {
    if (address - base_ < size_) word(address) |= bit(address);
  }
  /// The array is to use the address, and to change it if `write`: when it may.
  Ps settle(Addr address, bool write, Ps at, Ps floor) {
    if (address - base_ >= size_ || (word(address) & bit(address)) == 0) return at;
    return settle_copy(address, write, at, floor);
  }
  /// Whether the host has a copy that must not be passed by.
  bool held(Addr address) { return caches_ != nullptr && caches_->find(address) != HostCaches::Copy::none; }

  void visit_stats(StatVisitor& visitor);

 private:
  static constexpr unsigned kLineShift = 6;

  std::size_t line(Addr address) const { return static_cast<std::size_t>((address - base_) >> kLineShift); }
  std::uint64_t& word(Addr address) { return bits_[line(address) / 64]; }
  std::uint64_t bit(Addr address) const { return std::uint64_t{1} << line(address) % 64; }
  Ps settle_copy(Addr address, bool write, Ps at, Ps floor);

  Addr base_;
  std::uint64_t size_;
  Ps recall_;
  LazyArray<std::uint64_t> bits_;
  HostCaches* caches_ = nullptr;
  std::uint64_t asked_ = 0, recalls_ = 0, writebacks_ = 0, wait_ = 0;
};

}  // namespace pagoda
