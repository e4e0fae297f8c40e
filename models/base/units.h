// Quantities with a unit, as they are written in a platform file: `15 ns`, `64 KiB`, `3.2 GHz`, `4 cycles`.
//
// Each is a small strong type. parse_* throws std::invalid_argument with what is allowed; to_string gives
// back a text that parses to the same value.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "pagoda/base/time.h"

namespace pagoda {

/// A duration; units ps, ns, us, ms, s. A whole number of picoseconds.
struct Duration {
  Ps ps = 0;
  auto operator<=>(const Duration&) const = default;
};

/// A number of bytes; units B, KiB, MiB, GiB, TiB (powers of 1024).
struct Bytes {
  std::uint64_t count = 0;
  auto operator<=>(const Bytes&) const = default;
};

/// A clock frequency; units Hz, kHz, MHz, GHz.
struct Frequency {
  std::uint64_t hz = 0;
  auto operator<=>(const Frequency&) const = default;

  /// The period rounded to whole picoseconds (3 GHz: 333 ps, 0.1 % short).
  Ps period() const { return hz == 0 ? 0 : (kSecond + hz / 2) / hz; }
};

/// The time a structure takes: a whole number of cycles of its own clock, or a duration.
struct Latency {
  std::uint64_t value = 0;  ///< cycles or picoseconds
  bool in_cycles = true;
  auto operator<=>(const Latency&) const = default;

  static constexpr Latency cycles(std::uint64_t count) { return {count, true}; }
  static constexpr Latency time(Ps duration) { return {duration, false}; }
  Ps at(Ps period) const { return in_cycles ? value * period : value; }
};

/// A data rate; units B/s, kB/s, MB/s, GB/s (powers of 1000) and Gb/s (bits).
struct Bandwidth {
  double bytes_per_second = 0;
  auto operator<=>(const Bandwidth&) const = default;
};

/// An energy; units fJ, pJ, nJ, uJ, mJ, J.
struct Energy {
  double joules = 0;
  auto operator<=>(const Energy&) const = default;
};

Duration parse_duration(std::string_view text);
Bytes parse_bytes(std::string_view text);
Frequency parse_frequency(std::string_view text);
Latency parse_latency(std::string_view text);
Bandwidth parse_bandwidth(std::string_view text);
Energy parse_energy(std::string_view text);

std::string to_string(Duration value);
std::string to_string(Bytes value);
std::string to_string(Frequency value);
std::string to_string(Latency value);
std::string to_string(Bandwidth value);
std::string to_string(Energy value);

/// `value` with three significant digits and the unit's best-fitting prefix, for tables: `12.3 ns`, `1.50
/// GB/s`.
std::string pretty_duration(double seconds);
std::string pretty_count(double value);

}  // namespace pagoda
