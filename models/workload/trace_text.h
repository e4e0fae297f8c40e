// Numbers in text traces. Each parser moves `at` behind what it has read and fails without throwing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace pagoda::trace_text {

inline constexpr std::uint8_t kNoDigit = 0xff;
inline constexpr std::array<std::uint8_t, 256> kHexDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (unsigned i = 0; i < 10; ++i) digits['0' + i] = static_cast<std::uint8_t>(i);
  for (unsigned i = 0; i < 6; ++i) digits['a' + i] = digits['A' + i] = static_cast<std::uint8_t>(10 + i);
  return digits;
}();

/// One or more hexadecimal digits that fit 64 bits.
inline bool parse_hex(const char*& at, const char* end, std::uint64_t& value) {
  const char* const start = at;
  std::uint64_t result = 0;
  bool fits = true;
  for (; at != end; ++at) {
    const std::uint8_t digit = kHexDigits[static_cast<unsigned char>(*at)];
    if (digit == kNoDigit) break;
    fits = fits && result >> 60 == 0;
    result = result << 4 | digit;
  }
  value = result;
  return at != start && fits;
}

/// One or more decimal digits that fit 64 bits.
inline bool parse_decimal(const char*& at, const char* end, std::uint64_t& value) {
  const char* const start = at;
  std::uint64_t result = 0;
  bool fits = true;
  for (; at != end; ++at) {
    const unsigned digit = static_cast<unsigned char>(*at) - unsigned{'0'};
    if (digit > 9) break;
    fits = fits && (result < UINT64_MAX / 10 || (result == UINT64_MAX / 10 && digit <= UINT64_MAX % 10));
    result = result * 10 + digit;
  }
  value = result;
  return at != start && fits;
}

/// `text` in quotes for a message: cut to a readable length, unprintable characters replaced.
std::string quoted(std::string_view text);

}  // namespace pagoda::trace_text
