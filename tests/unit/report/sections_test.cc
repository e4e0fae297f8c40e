// What figures show: values, means, ratios, parts.
#include "sc_main/report/sections.h"

#include <gtest/gtest.h>

#include "unit/report/studies.h"

namespace pagoda::report::sections_test {

using testing::grid;
using testing::parameter;

// The value of a point is 100 * variant + 10 * entries + repeat.
Study variants_and_entries(std::size_t repeats) {
  return grid(
      {parameter("variant", {"base", "other"}), parameter("entries", {"1", "2", "4", "8"})},
      {{"s", "ns", "what it is"}},
      [](const auto& settings, std::size_t repeat) {
        return std::vector<double>{100.0 * static_cast<double>(settings[0] + 1) +
                                   10.0 * static_cast<double>(settings[1]) + static_cast<double>(repeat)};
      },
      repeats);
}

TEST(Lines, GoThroughTheMeansOfRepeats) {
  const Study study = variants_and_entries(3);
  const Section section = statistics_section(study, make_plan(study, {}, {}));
  ASSERT_EQ(section.figures.size(), 1U);
  const auto& chart = std::get<LineChart>(section.figures[0].chart);
  ASSERT_EQ(chart.series.size(), 2U);
  EXPECT_EQ(chart.series[1].title, "other");
  const ChartPoint& point = chart.series[1].points[2];
  EXPECT_EQ(point.x, 4);
  EXPECT_EQ(point.y, 221);
  EXPECT_EQ(point.low, 220);
  EXPECT_EQ(point.high, 222);
}

TEST(Lines, LeaveOutWhatFailed) {
  Study study = variants_and_entries(1);
  study.points[1].done = false;
  const Section section = statistics_section(study, make_plan(study, {}, {}));
  const auto& chart = std::get<LineChart>(section.figures[0].chart);
  ASSERT_EQ(chart.series[0].points.size(), 3U);
  EXPECT_EQ(chart.series[0].points[1].x, 4);
}

TEST(Bars, AreThereWhereNothingIsANumber) {
  const Study study =
      grid({parameter("variant", {"base", "a", "b"})}, {{"s", "", ""}},
           [](const auto& settings, std::size_t) { return std::vector<double>{static_cast<double>(settings[0]) + 1}; });
  const Section section = statistics_section(study, make_plan(study, {}, {}));
  const auto& chart = std::get<BarChart>(section.figures.at(0).chart);
  EXPECT_EQ(chart.rows, (std::vector<std::string>{"base", "a", "b"}));
  EXPECT_EQ(chart.series.at(0).points.at(2).y, 3);
}

TEST(Maps, HaveEachPairOnce) {
  const Study study = grid({parameter("a", {"1", "2", "3"}), parameter("b", {"1", "2", "3", "4"})}, {{"s", "", ""}},
                           [](const auto& settings, std::size_t) {
                             return std::vector<double>{static_cast<double>(10 * settings[0] + settings[1])};
                           });
  const Section section = heat_section(study, make_plan(study, {}, {}));
  const auto& map = std::get<HeatMap>(section.figures.at(0).chart);
  EXPECT_EQ(map.x_label, "b");
  ASSERT_EQ(map.values.size(), 3U);
  EXPECT_EQ(map.values[2], (std::vector<double>{20, 21, 22, 23}));
}

TEST(Ratios, AreToTheFirstVariantAtTheSameSettings) {
  const Study study = variants_and_entries(1);
  const Section section = ratio_section(study, make_plan(study, {}, {}));
  const auto& chart = std::get<LineChart>(section.figures.at(0).chart);
  ASSERT_EQ(chart.series.size(), 1U) << "the baseline itself is not drawn";
  EXPECT_DOUBLE_EQ(chart.series[0].points[3].y, 230.0 / 130.0);
}

TEST(Ratios, HaveNoBaselineWhereItFailed) {
  Study study = variants_and_entries(1);
  study.points[0].done = false;
  const std::vector<Cell> cells = study.cells();
  const std::vector<std::size_t> baseline = baselines(study, cells);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    EXPECT_EQ(baseline[i] == kNone, cells[i].settings[1] == 0) << i;
  }
}

TEST(Parts, AddUpToTheWhole) {
  const Study study = grid({parameter("variant", {"a", "b"})},
                           {{"cpu0.accesses", "", ""},
                            {"cpu0.access_time.tlb", "ns", ""},
                            {"cpu0.access_time.walk", "ns", ""},
                            {"cpu0.access_time.queue", "ns", ""},
                            {"memory0.energy.total", "uJ", ""}},
                           [](const auto& settings, std::size_t) {
                             return std::vector<double>{10, 20, 30.0 * static_cast<double>(settings[0] + 1), 0, 5};
                           });
  const Section section = parts_section(study);
  ASSERT_EQ(section.figures.size(), 1U) << "a total is no part";
  const auto& chart = std::get<StackChart>(section.figures[0].chart);
  EXPECT_EQ(chart.rows, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(chart.parts.size(), 2U) << "parts that are 0 everywhere are left out";
  EXPECT_EQ(chart.parts[0].title, "tlb");
  EXPECT_EQ(chart.parts[0].points[1].y, 2);
  EXPECT_EQ(chart.parts[1].points[1].y, 6);
}

}  // namespace pagoda::report::sections_test
