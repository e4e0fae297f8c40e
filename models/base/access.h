// The words in which every part of Pagoda describes a memory access.
#pragma once

#include <cstdint>

namespace pagoda {

/// An address in any space; which one, the name of the variable says.
using Addr = std::uint64_t;

enum class AccessKind : std::uint8_t { read, write, fetch };

/// The space a translation belongs to: of a process (ASID, PSCID) in a machine (VMID, GSCID).
struct AddressSpaceTag {
  std::uint32_t asid = 0;
  std::uint32_t vmid = 0;

  bool operator==(const AddressSpaceTag&) const = default;
};

/// The privilege a request is made with. Levels above supervisor translate nothing and have no value here.
enum class Privilege : std::uint8_t { user, supervisor };

/// Why a request is made; memory and caches account for it by origin.
enum class Origin : std::uint8_t { demand, walk, dma, prefetch, writeback, migration };
inline constexpr int kOrigins = 6;

}  // namespace pagoda
