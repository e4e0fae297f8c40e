#include "pagoda/base/distribution.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pagoda::distribution_test {

TEST(Distribution, IsZeroWhenNothingWasRecorded) {
  const Distribution d;
  EXPECT_EQ(d.count(), 0u);
  EXPECT_EQ(d.min(), 0u);
  EXPECT_EQ(d.max(), 0u);
  EXPECT_EQ(d.mean(), 0.0);
  EXPECT_EQ(d.quantile(0.5), 0u);
}

TEST(Distribution, SmallValuesAreExact) {
  Distribution d;
  for (std::uint64_t v = 0; v < 128; ++v) d.record(v);
  EXPECT_EQ(d.count(), 128u);
  EXPECT_EQ(d.sum(), 127u * 128 / 2);
  for (std::uint64_t v = 0; v < 128; ++v) {
    EXPECT_EQ(d.quantile(static_cast<double>(v + 1) / 128), v);
  }
}

TEST(Distribution, OneValueIsEveryQuantile) {
  Distribution d;
  for (int i = 0; i < 10; ++i) d.record(123'456'789);
  for (const double q : {0.0, 0.5, 0.99, 1.0}) EXPECT_EQ(d.quantile(q), 123'456'789u);
}

TEST(Distribution, QuantilesAreWithinEightTenthsOfAPercentAtEveryMagnitude) {
  std::mt19937_64 random(1);
  for (int magnitude = 7; magnitude < 60; ++magnitude) {
    Distribution d;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 1000; ++i) {
      values.push_back((std::uint64_t{1} << magnitude) + random() % (std::uint64_t{3} << magnitude));
      d.record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double q : {0.01, 0.5, 0.95, 0.99}) {
      const auto exact = static_cast<double>(values[static_cast<std::size_t>(std::ceil(q * 1000)) - 1]);
      EXPECT_NEAR(static_cast<double>(d.quantile(q)), exact, exact * 0.008) << "magnitude " << magnitude << " q " << q;
    }
    EXPECT_EQ(d.min(), values.front());
    EXPECT_EQ(d.max(), values.back());
  }
}

TEST(Distribution, QuantilesOfOnePassAreThoseOfMany) {
  Distribution distribution;
  for (std::uint64_t i = 0; i < 5000; ++i) distribution.record(i * i % 100'003);
  const std::vector<double> fractions{0, 0.1, 0.1, 0.5, 0.9, 0.999, 1};
  std::vector<std::uint64_t> values(fractions.size());
  distribution.quantiles(fractions, values);
  for (std::size_t i = 0; i < fractions.size(); ++i) EXPECT_EQ(values[i], distribution.quantile(fractions[i]));
  Distribution().quantiles(fractions, values);
  EXPECT_EQ(values, std::vector<std::uint64_t>(fractions.size(), 0));
}

TEST(Distribution, TheLargestValueFits) {
  Distribution d;
  d.record(~std::uint64_t{0});
  EXPECT_EQ(d.quantile(0.5), ~std::uint64_t{0});
}

TEST(Distribution, RunsOfOneValueCountAsOften) {
  Distribution runs;
  runs.record(0);
  for (int i = 0; i < 10; ++i) runs.record(5'000);
  for (int i = 0; i < 3; ++i) runs.record(0);
  runs.record(5'000);
  EXPECT_EQ(runs.count(), 15u);
  EXPECT_EQ(runs.sum(), 11u * 5'000);
  EXPECT_EQ(runs.min(), 0u);
  EXPECT_EQ(runs.quantile(4.0 / 15), 0u);
  EXPECT_GT(runs.quantile(5.0 / 15), 4'900u);
}

TEST(Distribution, SeveralAtOnceAreAsManyOneByOne) {
  Distribution at_once, one_by_one;
  for (std::uint64_t v = 1; v < 5000; v += 7) {
    const std::uint64_t times = 1 + v % 4;
    at_once.record(v * v, times);
    for (std::uint64_t n = 0; n < times; ++n) one_by_one.record(v * v);
  }
  EXPECT_EQ(at_once.count(), one_by_one.count());
  EXPECT_EQ(at_once.sum(), one_by_one.sum());
  EXPECT_EQ(at_once.min(), one_by_one.min());
  EXPECT_EQ(at_once.max(), one_by_one.max());
  for (const double part : {0.0, 0.1, 0.5, 0.99, 1.0}) EXPECT_EQ(at_once.quantile(part), one_by_one.quantile(part));
}

TEST(Distribution, RecordingGoesOnAfterMerging) {
  Distribution large;
  large.record(1'000'000);
  Distribution d;
  d.merge(large);
  d.merge({});
  d.record(0);
  d.record(1'000'000);
  EXPECT_EQ(d.count(), 3u);
  EXPECT_EQ(d.min(), 0u);
  EXPECT_EQ(d.max(), 1'000'000u);
  EXPECT_EQ(d.quantile(0.1), 0u);
}

TEST(Distribution, MergingIsRecordingBoth) {
  Distribution a, b, both;
  for (std::uint64_t v = 1; v < 5000; v += 7) {
    (v % 2 == 0 ? a : b).record(v * v);
    both.record(v * v);
  }
  a.merge(b);
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.sum(), both.sum());
  EXPECT_EQ(a.quantile(0.9), both.quantile(0.9));
  EXPECT_EQ(a.min(), both.min());
  EXPECT_EQ(a.max(), both.max());
}

}  // namespace pagoda::distribution_test
