// A port over a SparseStore that counts and lists what a walk does, and small helpers to lay out tables by hand.
#pragma once

#include <string>
#include <vector>

#include "pagoda/paging/byte_store.h"
#include "pagoda/paging/run_walk.h"

namespace pagoda::test {

class TableMemory {
 public:
  EntryRead read(const Step& step) {
    reads.push_back(step);
    return {.value = store.read(step.address)};
  }
  EntryUpdate update(const Step& step) {
    updates.push_back(step);
    std::uint64_t current = step.expected;
    const bool success = store.compare_and_swap(step.address, current, step.desired);
    return {.success = success, .current = current};
  }

  SparseStore store;
  std::vector<Step> reads;
  std::vector<Step> updates;
};

/// One word of a table.
struct Word {
  Addr address;
  std::uint64_t value;
};

inline void fill(ByteStore& store, std::initializer_list<Word> words) {
  for (const Word& word : words) store.write(word.address, word.value);
}

/// A stage of the format of that name.
inline Stage stage_of(std::string_view format, Addr root) {
  Stage stage;
  stage.format = find_page_format(format);
  stage.root = root;
  return stage;
}

/// RISC-V entry: frame address and low bits.
constexpr std::uint64_t rv(Addr frame, std::uint64_t bits) { return frame >> 2 | bits; }

}  // namespace pagoda::test
