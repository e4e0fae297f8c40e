// Quantities become positions, and positions get the scale and the ticks that they need.
#include "sc_main/report/axis.h"

#include <cmath>

#include <gtest/gtest.h>

#include "unit/report/studies.h"

namespace pagoda::report::axis_test {

using testing::parameter;

TEST(Quantities, AreReadWithTheirUnits) {
  EXPECT_EQ(parse_quantity("64 KiB").value, 65536);
  EXPECT_EQ(parse_quantity("64 KiB").unit, "B");
  EXPECT_EQ(parse_quantity("1.5 us").value, 1500);
  EXPECT_EQ(parse_quantity("1.5 us").unit, "ns");
  EXPECT_EQ(parse_quantity("2 GHz").value, 2e9);
  EXPECT_EQ(parse_quantity("0.625 GB/s").value, 0.625);
  EXPECT_EQ(parse_quantity("7 cycles").unit, "cycles");
  EXPECT_EQ(parse_quantity("-0.25").value, -0.25);
  for (const char* word : {"", "none", "lru", "4k-16m", "inf", "nan"}) {
    EXPECT_TRUE(std::isnan(parse_quantity(word).value)) << word;
  }
}

TEST(Scales, AreLogarithmicForGeometricSteps) {
  EXPECT_TRUE(grows_geometrically({1, 2, 4, 8, 16}));
  EXPECT_TRUE(grows_geometrically({16, 1, 4, 64}));
  EXPECT_FALSE(grows_geometrically({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  EXPECT_FALSE(grows_geometrically({0, 20, 50, 100, 200})) << "zero has no place on a logarithmic scale";
  EXPECT_FALSE(grows_geometrically({1, 2, 4})) << "too short a span";
  EXPECT_FALSE(grows_geometrically({1, 100})) << "two values have no steps to compare";
}

TEST(ParameterAxes, KeepSizesAsTheyWereWritten) {
  const ParameterAxis along = parameter_axis(parameter("window", {"256 KiB", "1 MiB", "4 MiB", "16 MiB"}));
  EXPECT_TRUE(along.numeric);
  EXPECT_TRUE(along.axis.log);
  EXPECT_EQ(along.positions, (std::vector<double>{262144, 1048576, 4194304, 16777216}));
  EXPECT_EQ(along.axis.label, "window");
  EXPECT_EQ(along.axis.ticks[1].text, "1 MiB");
}

TEST(ParameterAxes, SayASharedUnitOnce) {
  const ParameterAxis along = parameter_axis(parameter("link", {"0 ns", "20 ns", "50 ns", "200 ns"}));
  EXPECT_EQ(along.axis.label, "link, ns");
  EXPECT_FALSE(along.axis.log);
  EXPECT_EQ(along.axis.ticks[3].text, "200");
}

TEST(ParameterAxes, OfWordsOrDifferentUnitsCount) {
  for (const Parameter& words :
       {parameter("a", {"lru", "plru"}), parameter("a", {"1 ns", "3 cycles"}), parameter("a", {"none", "64"})}) {
    const ParameterAxis along = parameter_axis(words);
    EXPECT_FALSE(along.numeric);
    EXPECT_EQ(along.positions, (std::vector<double>{0, 1}));
  }
  EXPECT_TRUE(parameter_axis(parameter("a", {"0 ns", "3 cycles"})).numeric) << "0 goes with any unit";
}

TEST(ParameterAxes, OfManyValuesHaveTicksOfTheirOwn) {
  std::vector<std::string> sizes;
  for (int i = 0; i < 40; ++i) sizes.push_back(std::to_string(static_cast<long>(4096 * std::pow(1.5, i))) + " B");
  const ParameterAxis along = parameter_axis(parameter("size", sizes));
  ASSERT_FALSE(along.axis.ticks.empty());
  EXPECT_LT(along.axis.ticks.size(), 24U);
  EXPECT_EQ(along.axis.ticks.front().text, "4 KiB");
}

TEST(ValueAxes, TakeAUnitThatReads) {
  const Axis time = value_axis("downtime", "ns", {254'524, 982'837});
  EXPECT_EQ(time.label, "downtime, us");
  EXPECT_EQ(time.divisor, 1000);
  EXPECT_EQ(value_axis("time", "ns", {6'437'364}).label, "time, ms");
  EXPECT_EQ(value_axis("bytes", "B", {4096 * 1024.0}).label, "bytes, MiB");
  EXPECT_EQ(value_axis("walks", "", {5000}).label, "walks");
  EXPECT_EQ(value_axis("walks", "", {2'000'000}).label, "walks, millions");
  EXPECT_EQ(value_axis("rate", "Gb/s", {32.5}).label, "rate, Gb/s");
}

TEST(ValueAxes, BeginAtZeroOrGoLogarithmic) {
  EXPECT_TRUE(value_axis("v", "ns", {10, 40}).from_zero);
  EXPECT_FALSE(value_axis("v", "ns", {38, 40}).from_zero);
  EXPECT_TRUE(value_axis("v", "ns", {1, 1000}).log);
  EXPECT_FALSE(value_axis("v", "ns", {0, 1000}).log);
  EXPECT_FALSE(value_axis("v", "ns", {kMissing, kMissing}).log);
}

TEST(Numbers, AreShortInPlotsAndExactInTables) {
  EXPECT_EQ(short_number(0.29629), "0.296");
  EXPECT_EQ(short_number(1272.4), "1272");
  EXPECT_EQ(short_number(kMissing), "-");
  EXPECT_EQ(table_number(76'141'001), "76\u202f141\u202f001");
  EXPECT_EQ(table_number(-1234), "-1\u202f234");
  EXPECT_EQ(table_number(87.4812), "87.48");
  EXPECT_EQ(table_number(0), "0");
}

}  // namespace pagoda::report::axis_test
