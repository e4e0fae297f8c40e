// What is shown when nobody says, and what is refused when somebody does.
#include "sc_main/report/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "unit/report/studies.h"

namespace pagoda::report::plan_test {

using ::testing::ElementsAre;
using testing::grid;
using ::testing::HasSubstr;
using testing::parameter;

std::vector<double> growing(const std::vector<std::size_t>& settings, std::size_t count) {
  double sum = 1;
  for (const std::size_t setting : settings) sum = 3 * sum + static_cast<double>(setting);
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(sum * static_cast<double>(i + 1));
  return values;
}

Study three_parameters() {
  return grid({parameter("variant", {"base", "other"}), parameter("dtlb", {"16", "32"}),
               parameter("stlb", {"256", "512", "1024", "2048"})},
              {{"a.mean", "ns", ""}, {"a.p99", "ns", ""}, {"hit_rate", "", ""}},
              [](const auto& settings, std::size_t) { return growing(settings, 3); });
}

TEST(Plans, TakeTheNumberWithMostValues) {
  const Plan plan = make_plan(three_parameters(), {}, {});
  EXPECT_EQ(plan.x, 2U);
  EXPECT_TRUE(plan.x_is_numeric);
  EXPECT_THAT(plan.groups, ElementsAre(0U, 1U));
  EXPECT_TRUE(plan.averaged.empty());
}

TEST(Plans, LeavePercentilesToTheirOwnPlots) {
  EXPECT_THAT(make_plan(three_parameters(), {}, {}).labels, ElementsAre("a.mean", "hit_rate"));
}

TEST(Plans, DoAsTheyAreTold) {
  const Study study = three_parameters();
  const Plan plan = make_plan(study, {.x = "dtlb", .y = {"a.p99"}, .groups = {"variant"}, .pareto = {}}, {});
  EXPECT_EQ(plan.x, 1U);
  EXPECT_THAT(plan.groups, ElementsAre(0U));
  EXPECT_THAT(plan.averaged, ElementsAre(2U));
  EXPECT_THAT(plan.y, ElementsAre(1U));
}

TEST(Plans, FollowTheSweepFileWhereNobodySaysMore) {
  Study study = three_parameters();
  study.choice = {.x = "dtlb", .y = {"hit_rate"}, .groups = {}, .pareto = {}};
  EXPECT_EQ(make_plan(study, {}, {}).x, 1U);
  EXPECT_EQ(make_plan(study, {.x = "stlb", .y = {}, .groups = {}, .pareto = {}}, {}).x, 2U);
  EXPECT_THAT(make_plan(study, {}, {}).labels, ElementsAre("hit_rate"));
}

TEST(Plans, TakeParametersThatVaryTogetherForOne) {
  Study study = grid({parameter("entries", {"16", "32", "64"}), parameter("ways", {"2", "4", "8"})}, {{"a", "", ""}},
                     [](const auto& settings, std::size_t) { return growing(settings, 1); });
  std::erase_if(study.points, [](const Point& point) { return point.settings[0] != point.settings[1]; });
  study.parameters[0].axis = study.parameters[1].axis = 0;
  const Plan plan = make_plan(study, {}, {});
  EXPECT_EQ(plan.x, 0U);
  EXPECT_TRUE(plan.groups.empty());
  EXPECT_TRUE(plan.averaged.empty());
}

TEST(Plans, AverageOverWhatWouldBeTooManyLines) {
  const Study study = grid({parameter("a", {"1", "2", "3", "4"}), parameter("b", {"1", "2", "3"}),
                            parameter("x", {"1", "2", "3", "4", "5"})},
                           {{"s", "", ""}}, [](const auto& settings, std::size_t) { return growing(settings, 1); });
  const Plan plan = make_plan(study, {}, {});
  EXPECT_EQ(plan.x, 2U);
  EXPECT_THAT(plan.groups, ElementsAre(0U));
  EXPECT_THAT(plan.averaged, ElementsAre(1U));
}

// Every value of either parameter is there once, which does not make one follow the other.
TEST(Plans, ScatterASample) {
  std::vector<std::string> values;
  for (int i = 0; i < 100; ++i) values.push_back(std::to_string(i * 37 % 101));
  Study study = grid({parameter("a", values)}, {{"s", "", ""}},
                     [](const auto& settings, std::size_t) { return growing(settings, 1); });
  study.parameters.push_back(parameter("b", values));
  study.parameters[0].axis = 0;
  study.parameters[1].axis = 1;
  for (Point& point : study.points) point.settings.push_back(point.settings[0] * 3 % values.size());
  const Plan plan = make_plan(study, {}, {});
  EXPECT_EQ(plan.x, 0U);
  EXPECT_TRUE(plan.scattered);
  EXPECT_EQ(plan.second, kNone);
}

TEST(Plans, TradeAgainstWhatLeavesAChoice) {
  // The second statistic follows the first, more entries make it smaller: entries are what is paid.
  const Study study = grid({parameter("entries", {"16", "32", "64", "128"})},
                           {{"latency", "ns", ""}, {"time", "ns", ""}}, [](const auto& settings, std::size_t) {
                             const double latency = 100.0 / static_cast<double>(settings[0] + 1);
                             return std::vector<double>{latency, 1000 * latency};
                           });
  const Plan plan = make_plan(study, {}, {});
  ASSERT_TRUE(plan.pareto.has_value());
  EXPECT_TRUE(plan.pareto->first.is_parameter);
  const Plan told = make_plan(study, {.x = {}, .y = {}, .groups = {}, .pareto = {"max:entries", "latency"}}, {});
  EXPECT_TRUE(told.pareto->first.maximise);
  EXPECT_FALSE(told.pareto->second.maximise);
}

struct Refusal {
  Choice choice;
  const char* says;
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, InOneLine) {
  try {
    make_plan(three_parameters(), GetParam().choice, {});
    FAIL() << "not refused";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, Refused,
    ::testing::Values(Refusal{{.x = "dtbl"},
                              "--x: there is no parameter `dtbl` (did you mean `dtlb`?); allowed: variant, dtlb, stlb"},
                      Refusal{{.y = {"hit_rat"}}, "--y: there is no statistic `hit_rat` (did you mean `hit_rate`?)"},
                      Refusal{{.groups = {"q"}}, "--group: there is no parameter `q`"},
                      Refusal{{.pareto = {"hit_rate"}}, "--pareto: 1 figures where two are expected"},
                      Refusal{{.pareto = {"variant", "hit_rate"}}, "--pareto: `variant` is no number"},
                      Refusal{{.pareto = {"hit_rate", "min:nothing"}}, "--pareto: there is no statistic `nothing`"}));

}  // namespace pagoda::report::plan_test
