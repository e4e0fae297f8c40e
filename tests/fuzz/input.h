// A fuzzer's input as a list of operands. Zeros follow where it ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pagoda::fuzz {

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  std::uint64_t take(unsigned bytes) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < bytes && !bytes_.empty(); ++i) {
      value |= std::uint64_t{bytes_.front()} << 8 * i;
      bytes_ = bytes_.subspan(1);
    }
    return value;
  }
  template <std::size_t Bytes>
  std::array<std::uint8_t, Bytes> take_array() {
    std::array<std::uint8_t, Bytes> bytes{};
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(take(1));
    return bytes;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace pagoda::fuzz
