// What a TLM target in front of modelled memory does apart from its timing: bounds, bytes, debug access,
// direct pointers.
#pragma once

#include <tlm>

#include "pagoda/base/attributes.h"
#include "pagoda/memory/physical_memory.h"

namespace pagoda {

class MemoryTarget {
 public:
  explicit MemoryTarget(PhysicalMemory& memory) : MemoryTarget(memory, memory.base(), memory.size()) {}
  /// Serves `size` bytes of `memory` from `base` on, as far as the memory has them.
  MemoryTarget(PhysicalMemory& memory, Addr base, std::uint64_t size);

  /// Checks command and bounds. If the payload cannot be served its response status is set and the answer is
  /// false.
  bool accepts(tlm::tlm_generic_payload& payload) const;
  /// Whether a request of so many bytes lies inside.
  bool contains(Addr address, std::uint64_t bytes) const { return bytes <= size_ && address - base_ <= size_ - bytes; }
  /// Moves the bytes of an accepted payload and sets its response status.
  void serve(tlm::tlm_generic_payload& payload, bool timing_only);

  unsigned debug(tlm::tlm_generic_payload& payload);
  bool direct_pointer(tlm::tlm_dmi& granted);

 private:
  PhysicalMemory& memory_;
  Addr base_;
  std::uint64_t size_;
};

}  // namespace pagoda
