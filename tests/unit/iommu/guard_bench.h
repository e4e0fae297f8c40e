// Memory of fixed latency under a guard, and what tests ask guards and their statistics for.
#pragma once

#include <vector>

#include "pagoda/base/stats.h"
#include "pagoda/iommu/guard_memory.h"
#include "pagoda/paging/byte_store.h"

namespace pagoda::test {

inline constexpr Ps kRead = 60'000;
inline constexpr Ps kCycle = 1'000;

/// Answers every load after the same time; logs when each came.
class FixedMemory final : public GuardMemory {
 public:
  struct Load {
    Addr address;
    std::size_t words;
    Ps at;
  };

  Answer load(Addr address, std::span<std::uint64_t> words, const TranslatedGuard::Request&, Ps at) override {
    loads.push_back({address, words.size(), at});
    if (address == refuses) return {at + kRead, FaultCause::access_error};
    for (std::uint64_t& word : words) {
      word = store.read(address);
      address += 8;
    }
    return {at + kRead};
  }

  SparseStore store;
  std::vector<Load> loads;
  Addr refuses = ~Addr{0};
};

inline TranslatedGuard::Request request_of(std::uint32_t device, Addr address, AccessKind access, Ps at,
                                           std::uint32_t bytes = 64) {
  return {.device_id = device, .access = access, .address = address, .bytes = bytes, .floor = 0, .at = at};
}

template <class Guard>
double stat_of(Guard& guard, const char* path) {
  StatNode node;
  StatReader reader(node);
  guard.visit_stats(reader);
  return node.number(path);
}

}  // namespace pagoda::test
