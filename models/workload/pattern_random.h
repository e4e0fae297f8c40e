// Random numbers as the patterns draw them: the same on every machine.
#pragma once

#include <cstdint>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_int_distribution.hpp>

namespace pagoda {

using PatternEngine = boost::random::mt19937_64;

/// Bits of `value` stirred so that neighbouring values have nothing in common: the finaliser of SplitMix64.
/// Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
constexpr std::uint64_t stirred(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58'476d'1ce4'e5b9;
  value = (value ^ value >> 27) * 0x94d0'49bb'1331'11eb;
  return value ^ value >> 31;
}

/// A seed for the `stream`-th of several independent engines.
constexpr std::uint64_t derived_seed(std::uint64_t seed, std::uint64_t stream) {
  return stirred(seed + (stream + 1) * 0x9e37'79b9'7f4a'7c15);
}

/// True with a probability of `ratio` (0 to 1, rounded to 2^-53); at 0 and 1 without fail.
class Coin {
 public:
  explicit Coin(double ratio) : heads_(static_cast<std::uint64_t>(ratio * kSides)) {}
  template <class Engine>
  bool operator()(Engine& engine) const {
    return engine() >> 11 < heads_;
  }

 private:
  static constexpr double kSides = 9007199254740992.0;  // 2^53
  std::uint64_t heads_;
};

}  // namespace pagoda
