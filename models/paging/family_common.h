// Internal to paging: what the families' files share.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/paging/page_entry.h"

namespace pagoda {

constexpr bool bit(std::uint64_t value, unsigned position) { return (value >> position & 1U) != 0; }
constexpr std::uint64_t bit_if(bool condition, unsigned position) { return condition ? 1ULL << position : 0; }

/// Address bits of an entry beyond the physical address width.
constexpr std::uint64_t beyond(const StageControls& controls, const PageFormat& format) {
  return format.address_mask & ~low_mask(controls.physical_bits);
}

}  // namespace pagoda
