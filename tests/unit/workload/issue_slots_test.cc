// Shares of issue slots against the law of priorities, and against what a core alone does.
#include "pagoda/workload/issue_slots.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/workload/core_timing.h"

namespace pagoda::issue_slots_test {

constexpr Ps kCycle = 1000;
constexpr std::uint32_t kWidth = 4;
constexpr std::uint64_t kMany = 1'000'000;  // slots
using Use = IssueSlots::Use;

// Threads at these levels want so many slots each, all from the start; the time at which each has them.
std::vector<double> ends(const SmtConfig& config, const std::vector<unsigned>& levels,
                         const std::vector<std::uint64_t>& wanted) {
  IssueSlots slots(config, kWidth, kCycle);
  for (unsigned i = 0; i < levels.size(); ++i) {
    slots.set_priority(i, levels[i], 0);
    slots.wants_nothing(i, 0);
  }
  for (unsigned i = 0; i < levels.size(); ++i) slots.want(i, {}, wanted[i]);
  std::vector<double> ended(levels.size());
  while (const auto thread = slots.settle()) {
    ended[*thread] = static_cast<double>(slots.place(*thread).entered) / kCycle;
    slots.leave(*thread, 0);
  }
  return ended;
}

SmtConfig threads(std::uint32_t count) { return {.threads = count}; }

constexpr double kOneCycle = 1.01;

// Of two threads, the lower one gets one of R = 2^(|X-Y|+1) slots.
TEST(IssueSlots, TwoThreadsShareByThePowerOfTheirDistance) {
  for (unsigned x = 2; x <= kHighestPriority; ++x) {
    for (unsigned y = 2; y <= x; ++y) {
      const double r = std::exp2(x - y + 1);
      const auto ended = ends(threads(2), {x, y}, {kMany, kMany});
      const double cycles = kMany / double{kWidth};
      if (x == y) {
        EXPECT_NEAR(ended[0], 2 * cycles, kOneCycle) << x;
      } else {
        EXPECT_NEAR(ended[0], cycles * r / (r - 1), kOneCycle) << x << " over " << y;
      }
      EXPECT_NEAR(ended[1], 2 * cycles, kOneCycle) << "nothing is lost, " << x << " over " << y;
    }
  }
}

TEST(IssueSlots, TheBaseOfTheLawIsAParameter) {
  SmtConfig config = threads(2);
  config.slot_base = 4;
  EXPECT_NEAR(ends(config, {5, 4}, {kMany, kMany})[0], kMany / 4.0 * 16 / 15, kOneCycle);
  EXPECT_NEAR(ends(config, {4, 4}, {kMany, kMany})[0], kMany / 2.0, kOneCycle) << "equals are equal";
}

TEST(IssueSlots, EqualThreadsGetEqualShares) {
  for (std::uint32_t count = 1; count <= 8; ++count) {
    const auto ended = ends(threads(count), std::vector(count, 4u), std::vector<std::uint64_t>(count, kMany));
    for (const double end : ended) EXPECT_NEAR(end, count * kMany / double{kWidth}, kOneCycle) << count;
  }
}

// Each against the highest as if the two were alone: 1 : 1/3 : 1/7 at distances 0, 1, 2.
TEST(IssueSlots, OfSeveralThreadsEachHasItsRatioToTheHighest) {
  const double sum = 1 + 1.0 / 3 + 1.0 / 7;
  const auto first = ends(threads(3), {5, 4, 3}, {kMany, 100 * kMany, 100 * kMany});
  EXPECT_NEAR(first[0], kMany / double{kWidth} * sum, kOneCycle);
  const auto second = ends(threads(3), {5, 4, 3}, {100 * kMany, kMany / 3, 100 * kMany});
  EXPECT_NEAR(second[1], kMany / double{kWidth} * sum, 2 * kOneCycle);
  const auto third = ends(threads(3), {5, 4, 3}, {100 * kMany, 100 * kMany, kMany / 7});
  EXPECT_NEAR(third[2], kMany / double{kWidth} * sum, 8 * kOneCycle);
}

TEST(IssueSlots, TheLowestLevelGetsWhatIsLeft) {
  const auto beside = ends(threads(3), {4, 4, 1}, {kMany, kMany, 1'000});
  EXPECT_NEAR(beside[2], 1'000 / double{kWidth} * 64, 64) << "one of 64 while others want all";
  EXPECT_NEAR(beside[0], (2 * kMany + 1'000) / double{kWidth}, kOneCycle);
  EXPECT_NEAR(ends(threads(2), {1, 1}, {kMany, kMany})[0], kMany / 2.0, kOneCycle) << "two of them share evenly";
  EXPECT_NEAR(ends(threads(1), {1}, {kMany})[0], kMany / double{kWidth}, kOneCycle) << "all, if nobody else wants any";
}

// What one does not want goes to the other.
TEST(IssueSlots, ASiblingThatWaitsTakesNothing) {
  IssueSlots slots(threads(2), kWidth, kCycle);
  slots.wants_nothing(0, 0);
  slots.wants_nothing(1, 100 * kCycle);
  slots.want(0, {}, 800);  // 400 alone, then half of all
  EXPECT_FALSE(slots.settle()) << "what the sibling wants from then on is not known";
  slots.want(1, {100 * kCycle, 0}, kMany);
  ASSERT_EQ(slots.settle(), 0u);
  EXPECT_NEAR(static_cast<double>(slots.place(0).entered), 300.0 * kCycle, 1.0 * kCycle);
}

struct Polling {
  unsigned level;
  std::uint32_t siblings;
  double expected;  // share of the siblings together
};

class PollingThread : public ::testing::TestWithParam<Polling> {};

// Siblings at level 4 that want all there is, beside one thread that polls.
TEST_P(PollingThread, TakesItsShareOfTheSlots) {
  const Polling p = GetParam();
  IssueSlots slots(threads(p.siblings + 1), kWidth, kCycle);
  slots.set_priority(p.siblings, p.level, 0);
  for (unsigned i = 0; i < p.siblings; ++i) slots.wants_nothing(i, 0);
  slots.occupy(p.siblings, Use::poll, 0);
  for (unsigned i = 0; i < p.siblings; ++i) slots.want(i, {}, kMany);
  const auto first = slots.settle();
  ASSERT_TRUE(first);
  const double cycles = static_cast<double>(slots.place(*first).entered) / kCycle;
  EXPECT_NEAR(kMany * p.siblings / double{kWidth} / cycles, p.expected, 1e-4);
  EXPECT_NEAR(slots.slots(Use::poll) / double{kWidth} / cycles, 1 - p.expected, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Levels, PollingThread,
                         ::testing::Values(Polling{4, 1, 1.0 / 2}, Polling{4, 3, 3.0 / 4}, Polling{4, 7, 7.0 / 8},
                                           Polling{3, 1, 3.0 / 4}, Polling{2, 1, 7.0 / 8}, Polling{2, 7, 49.0 / 50},
                                           Polling{1, 1, 63.0 / 64}, Polling{1, 7, 63.0 / 64}));

TEST(IssueSlots, APriorityCountsFromWhenItIsSet) {
  IssueSlots slots(threads(2), kWidth, kCycle);
  slots.wants_nothing(0, 0);
  slots.occupy(1, Use::poll, 0);
  slots.want(0, {}, 2'000 + 6'300);
  slots.set_priority(1, 1, 1'000 * kCycle);  // half of 4,000 slots until then, 63 of 64 afterwards
  ASSERT_EQ(slots.settle(), 0u);
  EXPECT_NEAR(static_cast<double>(slots.place(0).entered) / kCycle, 1'000 + 6'300 / 4.0 * 64 / 63, kOneCycle);
}

// A thread that has its siblings' word that they want nothing enters as one of a core without siblings.
TEST(IssueSlots, AloneItIsExactlyACoreOfItsOwn) {
  std::mt19937_64 random(1);
  for (const std::uint32_t width : {1u, 3u, 4u, 8u}) {
    CoreConfig core{.issue_width = width};
    CoreTiming plain(core, kCycle);
    IssueSlots slots(threads(4), width, kCycle);
    IssueSlots::Place place;
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t count = 1 + random() % (i % 2 == 0 ? 3 : 300);
      slots.want(2, place, count);
      ASSERT_EQ(slots.settle(), 2u);
      place = slots.place(2);
      plain.enter(count);
      ASSERT_EQ(place.entered, plain.now()) << i << " at width " << width;
    }
  }
}

// A thread that comes back where siblings ran ahead without it is not held up by them.
TEST(IssueSlots, WhoComesLateFindsTheSettledTimeFree) {
  IssueSlots slots(threads(2), kWidth, kCycle);
  slots.wants_nothing(0, 0);
  slots.want(0, {}, 400);
  ASSERT_EQ(slots.settle(), 0u);
  slots.wants_nothing(0, 100 * kCycle);
  slots.occupy(1, Use::software, 50 * kCycle);
  slots.want(0, {100 * kCycle, 0}, 400);
  ASSERT_EQ(slots.settle(), 0u);  // settled up to cycle 300
  slots.wants_nothing(0, 300 * kCycle);
  slots.wants_nothing(1, 60 * kCycle);
  slots.want(1, {60 * kCycle, 0}, 400);
  ASSERT_EQ(slots.settle(), 1u);
  EXPECT_EQ(slots.place(1).entered, 60 * kCycle + 99 * kCycle);
}

// Whatever threads do: no slot is given twice, and none is lost while somebody wants one.
TEST(IssueSlots, NoSlotIsLostOrGivenTwice) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    const std::uint32_t count = 2 + seed % 7;
    IssueSlots slots(threads(count), kWidth, kCycle);
    std::uint64_t wanted = 0;
    const auto want = [&](unsigned thread, Ps at) {
      const std::uint64_t more = 1 + random() % 1000;
      wanted += more;
      slots.want(thread, {at, 0}, more);
    };
    for (unsigned i = 0; i < count; ++i) {
      slots.set_priority(i, static_cast<unsigned>(1 + random() % 7), 0);
      slots.wants_nothing(i, 0);
    }
    for (unsigned i = 0; i < count; ++i) want(i, 0);
    Ps last = 0;
    for (int i = 0; i < 2000; ++i) {
      const auto thread = slots.settle();
      ASSERT_TRUE(thread) << "somebody can always go on";
      const Ps now = slots.place(*thread).entered + kCycle / kWidth;
      ASSERT_GE(now + kCycle, last) << "in order of time";
      last = now;
      want(*thread, now);  // at once
    }
    // All but one thread's last wish was begun; what was got by then fills the time.
    const double got = slots.slots(Use::program);
    EXPECT_NEAR(got, static_cast<double>(last) / kCycle * kWidth, count * 4.0) << seed;
    EXPECT_LE(got, static_cast<double>(wanted) + 1);
  }
}

}  // namespace pagoda::issue_slots_test
