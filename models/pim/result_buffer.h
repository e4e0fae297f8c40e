// What walks in a memory have found, for later commands: a TLB on the memory's side.
//
// Models: a set-associative array like a TLB's, with latency and ports; every entry knows the table entries it came
// from, so that a write to one of them drops it. A result from more table entries than are kept, or from entries that
// are not known (those that a walk cache has skipped), is dropped by a write to any table. Does not model: translations of pages on their way (a command for one waits for it).
#pragma once

#include <array>
#include <optional>
#include <span>

#include "pagoda/mmu/tlb.h"

namespace pagoda {

class ResultBuffer {
 public:
  ResultBuffer(const TlbConfig& config, Ps period);

  /// When a look-up that arrives at `at` has its answer.
  Ps look(Ps at) { return ports_.reserve(at) + latency_; }
  /// The translation of the page around `input`, or null.
  const TlbEntry* find(Addr input, AddressSpaceTag tag);
  /// `from`: the table entries behind it, all of them; or nothing, if they are not known.
  void fill(Addr input, const TlbEntry& entry, std::optional<std::span<const Addr>> from);
  void invalidate(const TlbInvalidation& what);
  /// The `bytes` from `address` on are written, and may be table entries.
  void on_write(Addr address, std::uint64_t bytes);

  void count(bool hit, Ps at) {
    ++(hit ? hits_ : misses_);
    if (hit) hits_probe_.count(at);
  }
  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor) { visitor.probe("hits", hits_probe_, 32, "hits so far"); }

 private:
  static constexpr std::size_t kSources = 8;
  static constexpr std::uint8_t kUnknown = kSources + 1;
  struct Entry {
    TlbEntry entry;
    std::array<Addr, kSources> from;
    std::uint8_t sources;  ///< kUnknown: more than are kept, or not known
  };

  Ps latency_;
  PageArray<Entry> pages_;
  Ports ports_;
  std::uint64_t hits_ = 0, misses_ = 0, evictions_ = 0, invalidated_ = 0, overwritten_ = 0;
  Probe hits_probe_;
};

}  // namespace pagoda
