#include "sc_main/sweep/sampling.h"

#include <numeric>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/sobol.hpp>
#include <boost/random/uniform_int_distribution.hpp>

namespace pagoda {
namespace {

using Engine = boost::random::mt19937_64;

constexpr std::uint64_t kDefaultSeed = 1;
constexpr int kMantissa = 53;
// So few that a stratum's number and what is added to it make an exact sum, which stays in the stratum.
constexpr int kStratumBits = 22;

// The upper bits of a word as a fraction: below 1, and exact.
double fraction(std::uint64_t word, int bits = kMantissa) {
  return static_cast<double>(word >> (64 - bits)) / static_cast<double>(std::uint64_t{1} << bits);
}

}  // namespace

Samples::Samples(SamplingKind kind, std::size_t count, std::size_t dimensions, std::optional<std::uint64_t> seed)
    : count_(count), dimensions_(dimensions), coordinates_(count * dimensions) {
  if (count == 0 || dimensions == 0) return;
  switch (kind) {
    case SamplingKind::grid: break;
    case SamplingKind::random: random(seed.value_or(kDefaultSeed)); break;
    case SamplingKind::latin_hypercube: latin_hypercube(seed.value_or(kDefaultSeed)); break;
    case SamplingKind::sobol: sobol(seed); break;
  }
}

void Samples::random(std::uint64_t seed) {
  Engine engine(seed);
  for (double& coordinate : coordinates_) coordinate = fraction(engine());
}

void Samples::latin_hypercube(std::uint64_t seed) {
  Engine engine(seed);
  std::vector<std::size_t> strata(count_);
  for (std::size_t dimension = 0; dimension < dimensions_; ++dimension) {
    std::iota(strata.begin(), strata.end(), std::size_t{0});
    for (std::size_t i = count_ - 1; i > 0; --i) {
      boost::random::uniform_int_distribution<std::size_t> any(0, i);
      std::swap(strata[i], strata[any(engine)]);
    }
    for (std::size_t i = 0; i < count_; ++i) {
      coordinates_[i * dimensions_ + dimension] =
          (static_cast<double>(strata[i]) + fraction(engine(), kStratumBits)) / static_cast<double>(count_);
    }
  }
}

void Samples::sobol(std::optional<std::uint64_t> seed) {
  std::vector<std::uint64_t> shift(dimensions_, 0);
  if (seed) {
    Engine engine(*seed);
    for (std::uint64_t& word : shift) word = engine();
  }
  for (std::size_t dimension = 0; dimension < dimensions_; ++dimension) {
    coordinates_[dimension] = fraction(shift[dimension]);
  }
  // Boost's sequence starts after the origin.
  boost::random::sobol sequence(dimensions_);
  for (std::size_t i = dimensions_; i < coordinates_.size(); ++i) {
    coordinates_[i] = fraction(sequence() ^ shift[i % dimensions_]);
  }
}

}  // namespace pagoda
