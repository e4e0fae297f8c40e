// Random numbers as the patterns draw them: the same on every machine.
#pragma once

#include <cstdint>

#include <boost/random/mersenne_twister.hpp>

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

/// `random` of 2^64 mapped to 0 .. count - 1 by multiplication; `rest` is the lower half of the product.
constexpr std::uint64_t scaled(std::uint64_t random, std::uint64_t count, std::uint64_t& rest) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{random} * count;
  rest = static_cast<std::uint64_t>(product);
  return static_cast<std::uint64_t>(product >> 64);
}

/// Each of 0 .. count - 1 equally likely, exactly; `count` at least 1. Boost's uniform_int_distribution divides for
/// every number, which takes longer than the engine does.
/// Source: D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29(1), 2019.
inline std::uint64_t uniform_below(PatternEngine& engine, std::uint64_t count) {
  std::uint64_t rest = 0;
  std::uint64_t result = scaled(engine(), count, rest);
  if (rest < count) {
    const std::uint64_t uneven = (0 - count) % count;
    while (rest < uneven) result = scaled(engine(), count, rest);
  }
  return result;
}

/// True with a probability of `ratio` (0 to 1, rounded to 2^-53); at 0 and 1 without fail.
class Coin {
 public:
  explicit Coin(double ratio) : heads_(static_cast<std::uint64_t>(ratio * kSides)) {}
  bool operator()(PatternEngine& engine) const { return engine() >> 11 < heads_; }

 private:
  static constexpr double kSides = 9007199254740992.0;  // 2^53
  std::uint64_t heads_;
};

}  // namespace pagoda
