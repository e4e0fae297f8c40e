// Zipf-distributed ranks: rank k of 1 .. n with a probability proportional to k^-s. Exact, and constant time
// for any n.
//
// The ranks are cut into a few thousand bins: the first 256 alone, then ever wider ones, each 1/128 of its
// first rank wide. An alias table draws a bin as if all its ranks had the weight of its first, and a rank
// drawn within is kept with the probability that makes up for it, above 96 % even at s = 4. All arithmetic is
// +, -, * and /, which IEEE 754 fixes to the last bit: the same seed gives the same ranks with any C library
// (the library's pow may differ in the last bit). Sources: A. J. Walker, ACM TOMS 3(3), 1977, and M. D. Vose,
// IEEE TSE 17(9), 1991 (alias table); L. Devroye, "Non-uniform random variate generation", 1986, II.3
// (rejection from a step function).
#pragma once

#include <cstdint>
#include <vector>

#include "pagoda/workload/pattern_random.h"

namespace pagoda {

class ZipfDistribution {
 public:
  /// `ranks` at least 1, `exponent` 0 to 4.
  ZipfDistribution(std::uint64_t ranks, double exponent);

  /// A rank, less 1: 0 .. ranks - 1, with 0 the most popular.
  std::uint64_t operator()(PatternEngine& engine) const;

 private:
  struct Bin {
    std::uint64_t keep;  // of 2^64: how often the bin itself is meant, and not its alias
    std::uint32_t alias;
    std::uint64_t first;  // rank
    std::uint64_t width;
  };

  void make_bins(std::uint64_t ranks);
  void make_aliases();
  bool accept(const Bin& bin, std::uint64_t offset, std::uint64_t random) const;

  double exponent_;
  std::vector<Bin> bins_;
};

/// x^y by exact arithmetic only, to about 1e-14; x > 0.
double portable_power(double x, double y);

}  // namespace pagoda
