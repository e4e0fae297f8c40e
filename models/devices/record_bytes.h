// Numbers in the records that drivers and devices write for each other: little-endian, at any offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pagoda::record_bytes {

template <class T, std::size_t Size>
T get(std::span<const unsigned char, Size> bytes, std::size_t offset) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | T{bytes[offset + i]} << (8 * i));
  return value;
}

template <class T, std::size_t Size>
void put(std::span<unsigned char, Size> bytes, std::size_t offset, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[offset + i] = static_cast<unsigned char>(value >> (8 * i));
}

}  // namespace pagoda::record_bytes
