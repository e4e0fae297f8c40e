#include "pagoda/pim/table_bytes.h"

namespace pagoda {

EntryRead MemoryTableBytes::load(Addr address) {
  if (!memory_.contains(address, sizeof(std::uint64_t))) return {0, FaultCause::access_error};
  return {memory_.read64(address), FaultCause::none};
}

EntryUpdate MemoryTableBytes::compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired) {
  const EntryRead now = load(address);
  if (now.refused != FaultCause::none || now.value != expected) return {false, now.value, now.refused};
  memory_.write64(address, desired);
  return {true, desired, FaultCause::none};
}

void MemoryTableBytes::store(Addr address, std::uint64_t value) { memory_.write64(address, value); }

}  // namespace pagoda
