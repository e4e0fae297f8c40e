// The bytes that page tables consist of, as a walker in memory reaches them: beside the time that takes.
#pragma once

#include "pagoda/memory/physical_memory.h"
#include "pagoda/paging/run_walk.h"

namespace pagoda {

class TableBytes {
 public:
  virtual ~TableBytes() = default;
  virtual EntryRead load(Addr address) = 0;
  virtual EntryUpdate compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired) = 0;
  virtual void store(Addr address, std::uint64_t value) = 0;
};

/// Those of modelled memory.
class MemoryTableBytes final : public TableBytes {
 public:
  explicit MemoryTableBytes(PhysicalMemory& memory) : memory_(memory) {}

  EntryRead load(Addr address) override;
  EntryUpdate compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired) override;
  void store(Addr address, std::uint64_t value) override;

 private:
  PhysicalMemory& memory_;
};

}  // namespace pagoda
