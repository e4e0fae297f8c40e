// Points, designs, repeats.
#include "sc_main/report/study.h"

#include <cmath>

#include <gtest/gtest.h>

#include "unit/report/studies.h"

namespace pagoda::report::study_test {

using testing::grid;
using testing::parameter;

TEST(Spreads, AreThoseOfASample) {
  const Spread spread = Spread::of({2, 4, 4, 4, 5, 5, 7, 9, kMissing});
  EXPECT_EQ(spread.count, 8U);
  EXPECT_EQ(spread.mean, 5);
  EXPECT_EQ(spread.min, 2);
  EXPECT_EQ(spread.max, 9);
  EXPECT_NEAR(spread.deviation, std::sqrt(32.0 / 7), 1e-12);
  EXPECT_EQ(Spread::of({3}).deviation, 0);
  EXPECT_TRUE(std::isnan(Spread::of({kMissing}).mean));
}

TEST(Studies, GroupRepeatsOfADesign) {
  Study study = grid(
      {parameter("a", {"1", "2"})}, {{"s", "", ""}},
      [](const auto& settings, std::size_t repeat) {
        return std::vector<double>{10.0 * static_cast<double>(settings[0]) + static_cast<double>(repeat)};
      },
      3);
  ASSERT_EQ(study.cells().size(), 2U);
  EXPECT_TRUE(study.repeated());
  EXPECT_EQ(study.spread(study.cells()[1], 0).mean, 11);
  // One that failed has no part in its design, and a design without any is none.
  study.points[3].done = false;
  EXPECT_EQ(study.spread(study.cells()[1], 0).mean, 11.5);
  for (std::size_t i = 3; i < 6; ++i) study.points[i].done = false;
  EXPECT_EQ(study.cells().size(), 1U);
}

TEST(Studies, NameDesignsByWhatVaries) {
  const Study study = grid({parameter("variant", {"base"}), parameter("cpus.*.mmu.stlb.entries", {"64", "128"}),
                            parameter("window", {"4 KiB", "8 KiB"})},
                           {}, [](const auto&, std::size_t) { return std::vector<double>{}; });
  EXPECT_EQ(study.varying(), (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(study.label(study.points[3].settings, study.varying()), "entries 128, 8 KiB");
}

TEST(Studies, TakeStatisticsThatOnlySomePointsHave) {
  Study study = grid({parameter("a", {"1", "2"})}, {{"s", "", ""}},
                     [](const auto&, std::size_t) { return std::vector<double>{1}; });
  EXPECT_EQ(study.add_statistic({"s", "", ""}), 0U);
  EXPECT_EQ(study.add_statistic({"t", "ns", ""}), 1U);
  EXPECT_TRUE(std::isnan(study.points[1].values[1]));
}

}  // namespace pagoda::report::study_test
