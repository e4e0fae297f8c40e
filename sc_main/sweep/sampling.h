// Where in the unit cube of the axes the points of a sweep lie.
//
// Every sample is one coordinate in [0, 1) per axis. The same seed gives the same samples on every machine.
//   random           independent and uniform
//   latin_hypercube  of n samples, each nth of every axis holds exactly one (McKay, Beckman, Conover, Technometrics 21,
//                    1979), uniform within it
//   sobol            the sequence of Sobol with the direction numbers of Joe and Kuo (Boost.Random), from its first
//                    element, the origin, on; with a seed all of it under one random digital shift, which keeps what
//                    makes it even: of 2^k samples, each (2^k)th of every axis holds exactly one
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "sc_main/sweep/sweep_config.h"

namespace pagoda {

/// Samples of a unit cube, sample by sample.
class Samples {
 public:
  Samples() = default;
  /// `kind` is not grid.
  Samples(SamplingKind kind, std::size_t count, std::size_t dimensions, std::optional<std::uint64_t> seed);

  double at(std::size_t sample, std::size_t dimension) const { return coordinates_[sample * dimensions_ + dimension]; }

 private:
  void random(std::uint64_t seed);
  void latin_hypercube(std::uint64_t seed);
  void sobol(std::optional<std::uint64_t> seed);

  std::size_t count_ = 0;
  std::size_t dimensions_ = 0;
  std::vector<double> coordinates_;
};

}  // namespace pagoda
