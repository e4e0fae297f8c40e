// Simulated time as the models compute with it.
#pragma once

#include <cstdint>
#include <limits>

namespace pagoda {

/// A point in simulated time or a duration, in picoseconds: the SystemC time resolution that Pagoda requires.
/// 64 bits last for 213 days of simulated time.
using Ps = std::uint64_t;

inline constexpr Ps kNanosecond = 1'000;
inline constexpr Ps kMicrosecond = 1'000'000;
inline constexpr Ps kMillisecond = 1'000'000'000;
inline constexpr Ps kSecond = 1'000'000'000'000;
inline constexpr Ps kNever = std::numeric_limits<Ps>::max();

constexpr double to_ns(Ps time) { return static_cast<double>(time) / static_cast<double>(kNanosecond); }
constexpr double to_seconds(Ps time) { return static_cast<double>(time) / static_cast<double>(kSecond); }

}  // namespace pagoda
