// Modelled physical memory as the store that page tables are edited in.
#pragma once

#include <cstring>

#include "pagoda/memory/physical_memory.h"
#include "pagoda/paging/byte_store.h"

namespace pagoda {

class MemoryStore final : public ByteStore {
 public:
  explicit MemoryStore(PhysicalMemory& memory) : memory_(memory) {}

  std::uint64_t read(Addr address) override { return memory_.read64(address); }
  void write(Addr address, std::uint64_t value) override { memory_.write64(address, value); }
  void clear(Addr address, std::uint64_t bytes) override { std::memset(memory_.data(address), 0, bytes); }

 private:
  PhysicalMemory& memory_;
};

}  // namespace pagoda
