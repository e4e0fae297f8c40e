// Distributions against their closed forms. Seeds are fixed, so a test either always passes or never; the bounds are
// five standard deviations wide.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/workload/pattern.h"
#include "pagoda/workload/pattern_permutation.h"
#include "pagoda/workload/pattern_zipf.h"
#include "unit/workload/workload_test_util.h"

namespace pagoda::pattern_statistics_test {

/// Pearson's statistic of `observed` against probabilities, as standard deviations from its mean.
double chi_square_deviation(const std::vector<std::uint64_t>& observed, const std::vector<double>& probability) {
  const double draws = static_cast<double>(std::accumulate(observed.begin(), observed.end(), std::uint64_t{0}));
  double statistic = 0;
  for (std::size_t i = 0; i < observed.size(); ++i) {
    const double expected = draws * probability[i];
    statistic +=
        (static_cast<double>(observed[i]) - expected) * (static_cast<double>(observed[i]) - expected) / expected;
  }
  const double freedom = static_cast<double>(observed.size() - 1);
  return (statistic - freedom) / std::sqrt(2 * freedom);
}

std::vector<double> uniform(std::size_t count) { return std::vector<double>(count, 1.0 / static_cast<double>(count)); }

std::vector<std::uint64_t> elements_picked(const PatternConfig& config) {
  std::vector<std::uint64_t> count(config.size.count / config.element.count);
  for (const Access& access : test::drain(*make_pattern(config)))
    ++count[(access.address - config.base) / config.element.count];
  return count;
}

TEST(PatternStatistics, RandomIsUniform) {
  for (const std::uint64_t elements : {2U, 10U, 1000U, 1024U, 4097U}) {
    const auto count = elements_picked({.kind = PatternKind::random, .count = 1'000'000, .size = Bytes{64 * elements}});
    EXPECT_LT(std::abs(chi_square_deviation(count, uniform(elements))), 5) << elements;
  }
}

TEST(PatternStatistics, HotColdGivesTheHotTheirShareAndIsUniformWithin) {
  for (const bool scattered : {false, true}) {
    std::vector<std::uint64_t> count = elements_picked({.kind = PatternKind::hot_cold,
                                                        .count = 1'000'000,
                                                        .size = Bytes{64'000},
                                                        .hot_fraction = 0.2,
                                                        .hot_share = 0.7,
                                                        .scattered = scattered});
    if (scattered) {
      EXPECT_FALSE(std::is_sorted(count.begin(), count.end(), std::greater<>()));
      std::sort(count.begin(), count.end(), std::greater<>());
    }
    std::vector<double> probability(1000, 0.3 / 800);
    std::fill_n(probability.begin(), 200, 0.7 / 200);
    EXPECT_LT(std::abs(chi_square_deviation(count, probability)), 5);
  }
}

TEST(PatternStatistics, HotColdMayBeAllHotOrAllCold) {
  PatternConfig config{.kind = PatternKind::hot_cold,
                       .count = 10'000,
                       .size = Bytes{6400},
                       .hot_fraction = 0,
                       .hot_share = 1,
                       .scattered = false};
  EXPECT_EQ(elements_picked(config)[0], 10'000U) << "one element is hot";
  config.hot_share = 0;
  EXPECT_EQ(elements_picked(config)[0], 0U);
  config.hot_fraction = 1;
  EXPECT_EQ(elements_picked(config)[99], 10'000U) << "one element is cold";
}

std::vector<double> zipf_probabilities(std::uint64_t ranks, double exponent) {
  std::vector<double> probability(ranks);
  for (std::size_t i = 0; i < ranks; ++i) probability[i] = std::pow(static_cast<double>(i + 1), -exponent);
  const double total = std::accumulate(probability.begin(), probability.end(), 0.0);
  for (double& p : probability) p /= total;
  return probability;
}

TEST(Zipf, HasItsFrequencies) {
  // 256 ranks have bins of their own, 300 are the first that share one.
  for (const std::uint64_t ranks : {1U, 2U, 3U, 100U, 256U, 300U, 1000U}) {
    for (const double exponent : {0.0, 0.5, 0.99, 1.0, 1.5}) {
      const ZipfDistribution zipf(ranks, exponent);
      PatternEngine engine(7);
      std::vector<std::uint64_t> count(ranks);
      for (int i = 0; i < 1'000'000; ++i) ++count.at(zipf(engine));
      if (ranks > 1) {
        EXPECT_LT(std::abs(chi_square_deviation(count, zipf_probabilities(ranks, exponent))), 5)
            << ranks << " ranks, s " << exponent;
      }
    }
  }
}

TEST(Zipf, HasItsFrequenciesInTheTailOfAMillion) {
  constexpr std::uint64_t kRanks = 1'000'000;
  for (const double exponent : {0.3, 0.99, 1.2}) {
    const std::vector<double> single = zipf_probabilities(kRanks, exponent);
    const ZipfDistribution zipf(kRanks, exponent);
    PatternEngine engine(11);
    // Groups of ranks that do not fall together with the bins.
    std::vector<double> probability;
    std::vector<std::size_t> group_of(kRanks);
    for (std::size_t rank = 0; rank < kRanks;) {
      const std::size_t width = std::min<std::size_t>(rank / 37 + 1, kRanks - rank);
      probability.push_back(0);
      for (std::size_t i = 0; i < width; ++i, ++rank) {
        probability.back() += single[rank];
        group_of[rank] = probability.size() - 1;
      }
    }
    std::vector<std::uint64_t> count(probability.size());
    for (int i = 0; i < 4'000'000; ++i) ++count[group_of[zipf(engine)]];
    EXPECT_LT(std::abs(chi_square_deviation(count, probability)), 5) << exponent;
  }
}

TEST(Zipf, IsNotSteppedWithinABin) {
  // Rank 100,001 and the 780 behind it share a bin; its last ranks are less likely by (100781 / 100001)^-4, 3 %.
  constexpr std::uint64_t kRanks = 100'781;
  const ZipfDistribution zipf(kRanks, 4);
  PatternEngine engine(3);
  std::uint64_t most = 0;
  for (int i = 0; i < 100'000; ++i) most += zipf(engine) < 10 ? 1 : 0;
  const std::vector<double> probability = zipf_probabilities(kRanks, 4);
  const double expected = 1e5 * std::accumulate(probability.begin(), probability.begin() + 10, 0.0);
  EXPECT_NEAR(static_cast<double>(most), expected, 5 * std::sqrt(expected * (1 - expected / 1e5)) + 1);
}

TEST(Zipf, TakesATebibyteOfLines) {
  constexpr std::uint64_t kRanks = 1ULL << 34;
  const ZipfDistribution zipf(kRanks, 0.9);
  PatternEngine engine(5);
  std::uint64_t front = 0;
  constexpr int kDraws = 1'000'000;
  for (int i = 0; i < kDraws; ++i) {
    const std::uint64_t rank = zipf(engine);
    ASSERT_LT(rank, kRanks);
    front += rank < 1'000'000 ? 1 : 0;
  }
  // The generalised harmonic number by Euler and Maclaurin: n^(1-s)/(1-s) + zeta(s) + n^-s/2, zeta(0.9) = -9.43011.
  const auto harmonic = [](double n) { return std::pow(n, 0.1) / 0.1 - 9.430114 + std::pow(n, -0.9) / 2; };
  const double share = harmonic(1e6) / harmonic(static_cast<double>(kRanks));
  EXPECT_NEAR(static_cast<double>(front) / kDraws, share, 5 * std::sqrt(share * (1 - share) / kDraws));
}

TEST(PortablePower, AgreesWithTheLibrary) {
  for (const double x : {1e-9, 0.5, 0.7071, 0.99, 1.0, 1.01, 1.4143, 2.0, 3.0, 1e6, 1.23e17}) {
    for (const double y : {-4.0, -0.99, 0.0, 0.1, 1.0, 3.7}) {
      EXPECT_NEAR(portable_power(x, y) / std::pow(x, y), 1, 1e-13) << x << "^" << y;
    }
  }
}

TEST(Permutation, IsOneToOne) {
  for (const std::uint64_t size : {1U, 2U, 3U, 4U, 5U, 7U, 8U, 63U, 64U, 65U, 1000U, 4096U, 100'003U}) {
    for (const std::uint64_t seed : {1U, 2U, 99U}) {
      const Permutation permutation(size, seed);
      std::vector<bool> seen(size);
      for (std::uint64_t i = 0; i < size; ++i) {
        const std::uint64_t to = permutation(i);
        ASSERT_LT(to, size);
        ASSERT_FALSE(seen[to]);
        seen[to] = true;
      }
    }
  }
}

TEST(Permutation, SendsANumberAnywhereDependingOnTheSeed) {
  for (const std::uint64_t size : {8U, 10U, 64U}) {
    for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{1}, size - 1}) {
      std::vector<std::uint64_t> count(size);
      for (std::uint64_t seed = 0; seed < 20'000; ++seed) ++count[Permutation(size, seed)(index)];
      EXPECT_LT(std::abs(chi_square_deviation(count, uniform(size))), 5) << index << " of " << size;
    }
  }
}

TEST(PatternStatistics, ChaseVisitsEveryElementOnceACycle) {
  for (const std::uint64_t elements : {1U, 2U, 3U, 64U, 1000U, 10'007U}) {
    const std::vector<std::uint64_t> count =
        elements_picked({.kind = PatternKind::chase, .count = 3 * elements, .size = Bytes{64 * elements}});
    EXPECT_EQ(count, std::vector<std::uint64_t>(elements, 3)) << elements;
  }
  const auto chase = test::drain(*make_pattern({.kind = PatternKind::chase, .count = 2000, .size = Bytes{64'000}}));
  for (std::size_t i = 1; i < 1000; ++i)
    EXPECT_EQ(chase[i].address, chase[i + 1000].address) << "the next cycle is the same";
}

TEST(PatternStatistics, ChaseHasNoOrderThatAPrefetcherOrACacheCouldUse) {
  constexpr std::uint64_t kElements = 1 << 18;  // lines: 4096 pages of 64
  const auto chase =
      test::drain(*make_pattern({.kind = PatternKind::chase, .count = kElements, .size = Bytes{64 * kElements}}));
  std::vector<std::uint64_t> line_pairs(64 * 64);    // line in the page, and in the page visited next
  std::vector<std::uint64_t> page_pairs(64 * 64);    // the page's low bits, and the next one's
  std::vector<std::uint64_t> region_pairs(64 * 64);  // the page's high bits, and the next one's
  std::vector<std::uint64_t> steps(64);              // the difference, modulo the region, by its high bits
  for (std::size_t i = 1; i < chase.size(); ++i) {
    const std::uint64_t a = (chase[i - 1].address - 0x1'0000'0000) / 64;
    const std::uint64_t b = (chase[i].address - 0x1'0000'0000) / 64;
    ++line_pairs[a % 64 * 64 + b % 64];
    ++page_pairs[a / 64 % 64 * 64 + b / 64 % 64];
    ++region_pairs[a / 4096 * 64 + b / 4096];
    ++steps[(b - a) % kElements / 4096];
  }
  EXPECT_LT(std::abs(chi_square_deviation(line_pairs, uniform(64 * 64))), 5);
  EXPECT_LT(std::abs(chi_square_deviation(page_pairs, uniform(64 * 64))), 5);
  EXPECT_LT(std::abs(chi_square_deviation(region_pairs, uniform(64 * 64))), 5);
  EXPECT_LT(std::abs(chi_square_deviation(steps, uniform(64))), 5);
}

TEST(PatternStatistics, ChaseOfATebibyteTakesNoMemoryForIt) {
  const auto chase = make_pattern({.kind = PatternKind::chase, .count = 1000, .size = Bytes{1ULL << 40}});
  EXPECT_EQ(test::drain(*chase).size(), 1000U);
}

}  // namespace pagoda::pattern_statistics_test
