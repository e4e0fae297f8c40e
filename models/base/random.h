// What random numbers are made into, the same on every host; the library's distributions differ between them.
#pragma once

#include <cstdint>

namespace pagoda {

/// Of 64 random bits: a multiple of 2^-53, evenly from [0, 1).
constexpr double fraction_of(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

}  // namespace pagoda
