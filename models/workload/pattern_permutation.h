// A random permutation of 0 .. n-1 that takes no memory.
//
// Values are stirred by operations that are one-to-one on k-bit numbers (multiplying with an odd number,
// folding high bits onto low ones), with k the fewest bits that hold n; a result that is not below n is
// stirred again until one is, which keeps the map one-to-one. As k bits hold less than 2n numbers, this takes
// less than two goes on average. Source: J. Black and P. Rogaway, "Ciphers with arbitrary finite domains",
// CT-RSA 2002 (cycle-walking).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "pagoda/workload/pattern_random.h"

namespace pagoda {

class Permutation {
 public:
  /// `size` at least 1.
  Permutation(std::uint64_t size, std::uint64_t seed)
      : size_(size),
        mask_(size == 1 ? 0 : ~std::uint64_t{0} >> std::countl_zero(size - 1)),
        shift_(std::max(1, static_cast<int>(std::bit_width(mask_)) / 2)) {
    for (std::size_t i = 0; i < factors_.size(); ++i) {
      factors_[i] = derived_seed(seed, 2 * i) | 1;
      offsets_[i] = derived_seed(seed, 2 * i + 1);
    }
  }

  /// `index` below the size.
  std::uint64_t operator()(std::uint64_t index) const {
    do {
      for (std::size_t i = 0; i < factors_.size(); ++i) {
        index = (index * factors_[i] + offsets_[i]) & mask_;
        index ^= index >> shift_;
      }
    } while (index >= size_);
    return index;
  }

 private:
  std::uint64_t size_;
  std::uint64_t mask_;
  int shift_;
  std::array<std::uint64_t, 4> factors_{};
  std::array<std::uint64_t, 4> offsets_{};
};

}  // namespace pagoda
