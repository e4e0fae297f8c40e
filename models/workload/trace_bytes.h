// Little-endian numbers in a byte buffer, whatever the host's byte order and the buffer's alignment.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace pagoda {

template <std::unsigned_integral T>
T swapped_if_big_endian(T value) {
  if constexpr (std::endian::native == std::endian::little) return value;
  T swapped = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) swapped = static_cast<T>(swapped << 8 | (value >> (8 * i) & 0xff));
  return swapped;
}

template <std::unsigned_integral T>
T load_little_endian(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return swapped_if_big_endian(value);
}

template <std::unsigned_integral T>
void store_little_endian(void* to, T value) {
  value = swapped_if_big_endian(value);
  std::memcpy(to, &value, sizeof value);
}

}  // namespace pagoda
