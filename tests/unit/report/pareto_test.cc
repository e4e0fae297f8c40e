// The front against its definition: a design is on it if and only if no other is at least as good in both figures and better
// in one.
#include "sc_main/report/pareto.h"

#include <algorithm>
#include <cstdint>
#include <random>

#include <gtest/gtest.h>

#include "unit/report/studies.h"

namespace pagoda::report::pareto_test {

using testing::grid;
using testing::parameter;

struct Direction {
  bool first;
  bool second;
};

class Fronts : public ::testing::TestWithParam<Direction> {};

TEST_P(Fronts, AreThoseOfTheDefinition) {
  const auto [max_first, max_second] = GetParam();
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> names;
    for (int i = 0; i < 1 + round % 40; ++i) names.push_back(std::to_string(i));
    // Few values, so that many are equal.
    std::uniform_int_distribution<int> value(0, 1 + round % 12);
    const Study study =
        grid({parameter("design", names)}, {{"a", "", ""}, {"b", "", ""}}, [&](const auto&, std::size_t) {
          return std::vector<double>{static_cast<double>(value(random)), static_cast<double>(value(random))};
        });
    const std::vector<Cell> cells = study.cells();
    const std::vector<std::size_t> front = pareto_front(study, cells, {{false, 0, max_first}, {false, 1, max_second}});
    const auto cost = [&](std::size_t i, std::size_t s, bool max) {
      return study.points[i].values[s] * (max ? -1 : 1);
    };
    for (std::size_t i = 0; i < cells.size(); ++i) {
      bool beaten = false;
      for (std::size_t j = 0; j < cells.size(); ++j) {
        const double a = cost(j, 0, max_first) - cost(i, 0, max_first);
        const double b = cost(j, 1, max_second) - cost(i, 1, max_second);
        beaten = beaten || (a <= 0 && b <= 0 && (a < 0 || b < 0));
      }
      EXPECT_EQ(std::count(front.begin(), front.end(), i), beaten ? 0 : 1) << "round " << round << " design " << i;
    }
    EXPECT_TRUE(std::is_sorted(front.begin(), front.end(), [&](std::size_t x, std::size_t y) {
      return study.points[x].values[0] < study.points[y].values[0];
    }));
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Fronts,
                         ::testing::Values(Direction{false, false}, Direction{false, true}, Direction{true, false},
                                           Direction{true, true}));

TEST(Front, LeavesOutWhatHasNoFigure) {
  const Study study =
      grid({parameter("entries", {"16", "32", "64"})}, {{"latency", "ns", ""}}, [](const auto& settings, std::size_t) {
        return std::vector<double>{settings[0] == 1 ? kMissing : 5.0 - static_cast<double>(settings[0])};
      });
  const std::vector<std::size_t> front = pareto_front(study, study.cells(), {{true, 0, false}, {false, 0, false}});
  EXPECT_EQ(front, (std::vector<std::size_t>{0, 2}));
}

}  // namespace pagoda::report::pareto_test
