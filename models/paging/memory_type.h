// How the memory behind a page may be cached and ordered, as page-table entries say it.
//
// One list for all architectures. Arm's inner and outer attributes are not distinguished: the inner one counts.
// Shareability and allocation hints are not modelled.
#pragma once

#include <cstdint>
#include <string_view>

namespace pagoda {

enum class MemoryType : std::uint8_t {
  platform,  ///< what the platform's memory map says (RISC-V PMA; no translation at all)
  write_back,
  write_through,
  write_protected,  ///< x86 WP: reads cached, writes go to memory
  write_combining,  ///< x86 WC
  uncached_minus,   ///< x86 UC-: uncached unless a range register says write-combining
  uncached,         ///< x86 UC
  non_cacheable,    ///< RISC-V NC, Arm Normal Non-cacheable: uncached but weakly ordered
  io,               ///< RISC-V IO: uncached and strongly ordered
  device_gre,       ///< Arm Device: gathering, reordering, early acknowledgement allowed or not
  device_ngre,
  device_ngnre,
  device_ngnrne
};
inline constexpr int kMemoryTypes = 13;

std::string_view to_string(MemoryType type);

/// Whether a processor's caches may keep what lies there.
constexpr bool is_cacheable(MemoryType type) {
  return type == MemoryType::platform || type == MemoryType::write_back || type == MemoryType::write_through ||
         type == MemoryType::write_protected;
}

/// The more restrictive of two types; what stages combine to where no architecture says otherwise.
MemoryType stricter(MemoryType a, MemoryType b);

}  // namespace pagoda
