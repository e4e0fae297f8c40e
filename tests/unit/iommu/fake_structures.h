// Memory that answers every access after the same time, for the IOMMU's engine; and the same bytes without time, for
// the process that the engine must agree with.
#pragma once

#include <map>
#include <vector>

#include "pagoda/iommu/iommu_engine.h"
#include "pagoda/paging/byte_store.h"

namespace pagoda::testing {

class FakeStructures final : public StructureMemory {
 public:
  static constexpr Ps kLatency = 50'000;

  struct Access {
    Addr address;
    std::size_t words;
    Ps at;
  };

  Answer load(Addr address, std::span<std::uint64_t> words, Ps at) override {
    loads.push_back({address, words.size(), at});
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = store.read(address + 8 * i);
    const auto bad = refused.find(address);
    return {.done = at + kLatency, .refused = bad == refused.end() ? FaultCause::none : bad->second};
  }
  Answer compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) override {
    ++swaps;
    Answer answer{.done = at + kLatency, .value = desired};
    answer.swapped = store.compare_and_swap(address, expected, desired);
    if (!answer.swapped) answer.value = expected;
    return answer;
  }

  SparseStore store;
  std::map<Addr, FaultCause> refused;
  std::vector<Access> loads;
  unsigned swaps = 0;
};

class Untimed final : public IommuMemory {
 public:
  explicit Untimed(FakeStructures& memory) : memory_(memory) {}

  FaultCause load(Addr address, std::span<std::uint64_t> words) override {
    return memory_.load(address, words, 0).refused;
  }
  EntryRead read(const Step& step) override {
    EntryRead entry;
    entry.refused = memory_.load(step.address, {&entry.value, 1}, 0).refused;
    return entry;
  }
  EntryUpdate update(const Step& step) override {
    const auto answer = memory_.compare_and_swap(step.address, step.expected, step.desired, 0);
    return {.success = answer.swapped, .current = answer.value, .refused = answer.refused};
  }

 private:
  FakeStructures& memory_;
};

}  // namespace pagoda::testing
