// A cache in front of a table that a guard of translated requests reads in memory.
//
// Models: granules of the table in a set-associative array, ports, a bounded number of fills at a time. A granule keeps
// the bytes it was filled with until it is evicted or invalidated, whatever memory says meanwhile, and carries the time
// at which its fill arrives: a look-up before then is a miss that waits for it. A fill during which something was
// invalidated serves the request that made it and is not kept. Does not model: prefetching, writing (software writes
// tables in memory and invalidates), look-ups that wait for an invalidation's turn at the array.
//
// How time is made up: wait for a port + latency; on a miss, wait for a free fill + the read of the granule. An
// invalidation visits one set per cycle, and no set twice.
#pragma once

#include <array>
#include <cstdint>

#include "pagoda/base/assoc_config.h"
#include "pagoda/base/ports.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/timeline.h"
#include "pagoda/iommu/bundle_tables.h"
#include "pagoda/iommu/guard_memory.h"

namespace pagoda {

/// All figures are round ones without a source.
struct GuardCacheConfig {
  std::uint32_t entries = 64;
  std::uint32_t ways = 4;
  Replacement replacement = Replacement::lru;
  Latency latency = Latency::cycles(1);
  std::uint32_t ports = 1;
  Bytes granule{8};
  std::uint32_t fills = 4;

  AssocGeometry geometry() const { return {entries, ways, replacement}; }

  static const ConfigInfo& config_info();
};

class GuardCache {
 public:
  GuardCache(const GuardCacheConfig& config, Ps period);

  struct Found {
    bool known;  ///< false: memory refused the table's read
    std::uint64_t value;
    Ps done;
  };
  /// The field's value as the guard sees it, for a look-up that arrives at `at` because of `cause`.
  Found read(const TableField& field, GuardMemory& memory, const TranslatedGuard::Request& cause, Ps at);

  /// Drops every granule that holds a byte of [begin, end); how long that takes.
  Ps invalidate(Addr begin, Addr end);
  /// Drops every granule in which `holds(address, words)`; how long that takes.
  template <class Holds>
  Ps invalidate_if(Holds holds) {
    ++epoch_;
    invalidated_ += lines_.erase_if([&](std::uint64_t key, const Line& line) {
      return holds((key - 1) << granule_shift_, std::span(line.words).first(granule_words()));
    });
    return lines_.sets() * period_;
  }

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  static constexpr std::size_t kMaxWords = 8;
  struct Line {
    Ps ready;  // when the fill arrives
    std::array<std::uint64_t, kMaxWords> words;
  };

  std::size_t granule_words() const { return (std::size_t{1} << granule_shift_) / 8; }
  Addr number_of(Addr address) const { return address >> granule_shift_; }
  static std::uint64_t key_of(Addr number) { return number + 1; }
  Found fill(const TableField& field, GuardMemory& memory, const TranslatedGuard::Request& cause, Ps at);
  std::uint64_t value_in(const Line& line, const TableField& field) const {
    return field.get(line.words[field.word / 8 % granule_words()]);
  }

  Ps period_;
  Ps latency_;
  unsigned granule_shift_;
  AssocArray<Line> lines_;
  Ports ports_;
  Servers fills_;
  Ps typical_fill_ = 1;
  std::uint64_t epoch_ = 0;  // of invalidations
  std::uint64_t hits_ = 0, misses_ = 0, merged_ = 0, evictions_ = 0, invalidated_ = 0, refused_ = 0, fill_wait_ = 0;
  Probe hits_probe_, misses_probe_, fills_probe_;
};

}  // namespace pagoda
