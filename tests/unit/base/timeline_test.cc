#include "pagoda/base/timeline.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pagoda::timeline_test {

// Takes the first free `duration` from `earliest` on.
Ps reserve(Timeline& line, Ps floor, Ps earliest, Ps duration) {
  const Ps start = line.first_free(earliest, duration);
  line.occupy(floor, start, start + duration);
  return start;
}

TEST(Timeline, ServesAtOnceWhenFreeAndQueuesWhenBusy) {
  Timeline line;
  EXPECT_EQ(reserve(line, 0, 100, 10), 100u);
  EXPECT_EQ(reserve(line, 0, 100, 10), 110u);
  EXPECT_EQ(reserve(line, 0, 119, 10), 120u);
  EXPECT_EQ(reserve(line, 0, 130, 10), 130u);
}

TEST(Timeline, ALateCallerWithAnEarlierTimeFitsIntoTheGap) {
  Timeline line;
  reserve(line, 0, 0, 10);
  reserve(line, 0, 30, 10);
  EXPECT_EQ(reserve(line, 0, 5, 20), 10u) << "exactly as long as the gap";
  EXPECT_EQ(reserve(line, 0, 5, 1), 40u) << "the gap is full now";
}

TEST(Timeline, AGapOnePicosecondTooShortIsPassedOver) {
  Timeline line;
  reserve(line, 0, 0, 10);
  reserve(line, 0, 30, 10);
  EXPECT_EQ(reserve(line, 0, 0, 21), 40u);
}

TEST(Timeline, AZeroLengthRequestIsServedAtItsTimeUnlessBusy) {
  Timeline line;
  reserve(line, 0, 10, 10);
  EXPECT_EQ(reserve(line, 0, 5, 0), 5u);
  EXPECT_EQ(reserve(line, 0, 12, 0), 20u);
}

TEST(Timeline, OccupyLearnsTheEndLaterAndNeverOverlapsWhatFollows) {
  Timeline line;
  reserve(line, 0, 100, 50);
  line.occupy(0, 20, 500);
  EXPECT_EQ(line.first_free(0, 20), 0u);
  EXPECT_EQ(line.first_free(0, 21), 150u);
  EXPECT_EQ(line.horizon(), 150u);
}

TEST(Timeline, ForgettingThePastChangesNothingAfterTheFloor) {
  Timeline kept;
  Timeline pruned;
  std::mt19937_64 random(7);
  Ps floor = 0;
  for (int i = 0; i < 20'000; ++i) {
    floor += random() % 40;
    const Ps earliest = floor + random() % 1000;
    const Ps duration = 1 + random() % 30;
    ASSERT_EQ(reserve(kept, 0, earliest, duration), reserve(pruned, floor, earliest, duration)) << "request " << i;
  }
}

// Against an oracle that marks every picosecond.
TEST(Timeline, NeverOverlapsAndIsNeverLaterThanNecessary) {
  constexpr Ps kEnd = 4000;
  std::mt19937_64 random(11);
  for (int round = 0; round < 50; ++round) {
    Timeline line;
    std::vector<bool> busy(kEnd * 8);
    for (int i = 0; i < 200; ++i) {
      const Ps earliest = random() % kEnd;
      const Ps duration = 1 + random() % 25;
      Ps expected = earliest;
      for (Ps run = 0, t = earliest; run < duration; ++t) {
        run = busy[t] ? 0 : run + 1;
        expected = t + 1 - run;
      }
      ASSERT_EQ(reserve(line, 0, earliest, duration), expected);
      for (Ps t = expected; t < expected + duration; ++t) busy[t] = true;
    }
    for (Ps t = 0; t < kEnd; ++t) ASSERT_EQ(line.busy_at(t), busy[t]);
  }
}

TEST(Servers, KRequestsRunAtOnceAndTheNextOneWaits) {
  Servers three(3);
  for (const Ps start : {10, 10, 10, 110}) {
    const Servers::Slot slot = three.acquire(10, 100);
    EXPECT_EQ(slot.start, start);
    three.release(0, slot, slot.start + 100);
  }
  EXPECT_EQ(three.busy_at(50), 3u);
  EXPECT_EQ(three.busy_at(150), 1u);
}

TEST(Servers, AcquireAndReleaseWithAnEndKnownLater) {
  Servers two(2);
  const auto first = two.acquire(0, 10);
  two.release(0, first, 70);
  const auto second = two.acquire(0, 10);
  two.release(0, second, 90);
  EXPECT_EQ(first.start, 0u);
  EXPECT_EQ(second.start, 0u);
  EXPECT_EQ(two.acquire(5, 10).start, 70u);
}

TEST(Servers, NoneMeansNoLimit) {
  Servers unlimited(0);
  for (int i = 0; i < 10; ++i) {
    const Servers::Slot slot = unlimited.acquire(3, 100);
    EXPECT_EQ(slot.start, 3u);
    unlimited.release(0, slot, 103);
  }
}

}  // namespace pagoda::timeline_test
