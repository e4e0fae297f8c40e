// Samples against what defines each kind.
#include "sc_main/sweep/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

namespace pagoda::sampling_test {

constexpr std::size_t kDimensions = 7;

std::vector<double> column(const Samples& samples, std::size_t count, std::size_t dimension) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(samples.at(i, dimension));
  return values;
}

// How many of the values lie in each of equally wide parts.
std::vector<int> histogram(const std::vector<double>& values, std::size_t parts) {
  std::vector<int> counts(parts, 0);
  for (const double value : values) {
    EXPECT_GE(value, 0.0);
    EXPECT_LT(value, 1.0);
    ++counts[static_cast<std::size_t>(value * static_cast<double>(parts))];
  }
  return counts;
}

class AnyKind : public ::testing::TestWithParam<SamplingKind> {};

TEST_P(AnyKind, IsTheSameEveryTime) {
  const Samples first(GetParam(), 100, kDimensions, 3);
  const Samples again(GetParam(), 100, kDimensions, 3);
  const Samples other(GetParam(), 100, kDimensions, 4);
  bool differ = false;
  for (std::size_t i = 0; i < 100; ++i) {
    for (std::size_t d = 0; d < kDimensions; ++d) {
      EXPECT_EQ(first.at(i, d), again.at(i, d));
      differ = differ || first.at(i, d) != other.at(i, d);
    }
  }
  EXPECT_TRUE(differ);
}

INSTANTIATE_TEST_SUITE_P(Each, AnyKind,
                         ::testing::Values(SamplingKind::random, SamplingKind::latin_hypercube, SamplingKind::sobol));

// Pearson's statistic of n draws over k cells has the mean k - 1 and the standard deviation sqrt(2 (k - 1)).
TEST(RandomSamples, AreUniformAndIndependent) {
  constexpr std::size_t kCount = 64'000;
  constexpr std::size_t kCells = 64;
  const Samples samples(SamplingKind::random, kCount, 2, {});
  std::vector<int> pairs(kCells, 0);
  for (std::size_t i = 0; i < kCount; ++i) {
    ++pairs[static_cast<std::size_t>(samples.at(i, 0) * 8) * 8 + static_cast<std::size_t>(samples.at(i, 1) * 8)];
  }
  const double expected = static_cast<double>(kCount) / kCells;
  double statistic = 0;
  for (const int count : pairs) statistic += (count - expected) * (count - expected) / expected;
  EXPECT_NEAR(statistic, kCells - 1, 5 * std::sqrt(2.0 * (kCells - 1)));
}

// McKay, Beckman and Conover: each of n strata of every axis is sampled once.
TEST(LatinHypercube, TakesEachStratumOfEachAxisOnce) {
  for (const std::size_t count : {1u, 2u, 3u, 10u, 97u, 1000u}) {
    for (const std::uint64_t seed : {1u, 2u, 77u}) {
      const Samples samples(SamplingKind::latin_hypercube, count, kDimensions, seed);
      for (std::size_t d = 0; d < kDimensions; ++d) {
        const std::vector<int> counts = histogram(column(samples, count, d), count);
        EXPECT_EQ(counts, std::vector<int>(count, 1)) << count << " samples, axis " << d;
      }
    }
  }
}

TEST(LatinHypercube, AxesAreShuffledIndependently) {
  const Samples samples(SamplingKind::latin_hypercube, 1000, 2, {});
  double covariance = 0;
  for (std::size_t i = 0; i < 1000; ++i) covariance += (samples.at(i, 0) - 0.5) * (samples.at(i, 1) - 0.5);
  // Of independent axes the correlation has a standard deviation of 1 / sqrt(1000).
  EXPECT_LT(std::abs(covariance / 1000 * 12), 5 / std::sqrt(1000.0));
}

// A (t, s)-sequence in base 2, projected on one axis, is a (0, 1)-sequence: every block of 2^k elements that starts at a
// multiple of 2^k has one in each interval of 2^-k. A digital shift keeps that.
TEST(Sobol, EveryAlignedBlockCoversEachAxisEvenly) {
  for (const std::optional<std::uint64_t> seed : {std::optional<std::uint64_t>{}, std::optional<std::uint64_t>{5}}) {
    const Samples samples(SamplingKind::sobol, 1024, kDimensions, seed);
    for (std::size_t d = 0; d < kDimensions; ++d) {
      const std::vector<double> values = column(samples, 1024, d);
      for (std::size_t block = 1; block <= 1024; block *= 2) {
        for (std::size_t start = 0; start < 1024; start += block) {
          const auto first = values.begin() + static_cast<std::ptrdiff_t>(start);
          const std::vector<int> counts = histogram({first, first + static_cast<std::ptrdiff_t>(block)}, block);
          ASSERT_EQ(counts, std::vector<int>(block, 1)) << "block of " << block << " from " << start << ", axis " << d;
        }
      }
    }
  }
}

// The first two axes are a (0, 2)-sequence (Sobol, 1967): also every elementary rectangle has its share.
TEST(Sobol, TheFirstTwoAxesCoverRectanglesEvenly) {
  constexpr std::size_t kCount = 256;
  const Samples samples(SamplingKind::sobol, kCount, 2, {});
  for (std::size_t wide = 1; wide <= kCount; wide *= 2) {
    const std::size_t high = kCount / wide;
    std::vector<int> counts(kCount, 0);
    for (std::size_t i = 0; i < kCount; ++i) {
      ++counts[static_cast<std::size_t>(samples.at(i, 0) * static_cast<double>(wide)) * high +
               static_cast<std::size_t>(samples.at(i, 1) * static_cast<double>(high))];
    }
    EXPECT_EQ(counts, std::vector<int>(kCount, 1)) << wide << " x " << high;
  }
}

TEST(Sobol, StartsAtTheOriginUnlessShifted) {
  const Samples plain(SamplingKind::sobol, 2, 3, {});
  for (std::size_t d = 0; d < 3; ++d) {
    EXPECT_EQ(plain.at(0, d), 0.0);
    EXPECT_EQ(plain.at(1, d), 0.5);
  }
  EXPECT_NE(Samples(SamplingKind::sobol, 1, 1, 9).at(0, 0), 0.0);
}

}  // namespace pagoda::sampling_test
