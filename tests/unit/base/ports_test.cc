#include "pagoda/base/ports.h"

#include <map>
#include <optional>
#include <random>
#include <utility>

#include <gtest/gtest.h>

namespace pagoda::ports_test {

constexpr Ps kPeriod = 250;

TEST(Ports, AFreeCycleIsTakenAtOnceAndAFullOneWaitedFor) {
  Ports two(2, kPeriod);
  EXPECT_EQ(two.reserve(1'100), 1'100u) << "in the middle of its cycle";
  EXPECT_EQ(two.reserve(1'000), 1'000u);
  EXPECT_EQ(two.reserve(1'200), 1'250u);
  EXPECT_EQ(two.reserve(1'249), 1'250u);
  EXPECT_EQ(two.reserve(1'000), 1'500u);
}

TEST(Ports, ALateCallerWithAnEarlierTimeFindsItsCycleFree) {
  Ports one(1, kPeriod);
  EXPECT_EQ(one.reserve(100 * kPeriod), 100 * kPeriod);
  EXPECT_EQ(one.reserve(3 * kPeriod), 3 * kPeriod);
  EXPECT_EQ(one.reserve(3 * kPeriod), 4 * kPeriod);
}

TEST(Ports, NoneMeansNoLimit) {
  Ports unlimited(0, kPeriod);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(unlimited.reserve(3), 3u);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(unlimited.reserve(3, 4), 3u);
}

// As many reservations, one after the other, on a twin.
TEST(Ports, SeveralTogetherGetWhatEachWouldGet) {
  std::mt19937_64 random(6);
  for (const std::uint32_t count : {0u, 1u, 2u, 5u}) {
    Ports together(count, kPeriod);
    Ports one_by_one(count, kPeriod);
    Ps base = 0;
    for (int i = 0; i < 20'000; ++i) {
      base += random() % (4 * kPeriod);
      const Ps at = base + random() % (100 * kPeriod);
      std::uint32_t wanted = 1 + static_cast<std::uint32_t>(random() % 7);
      for (Ports::Start start = together.reserve_some(at, wanted);; start = together.reserve_more(wanted)) {
        ASSERT_GT(start.count, 0u);
        ASSERT_LE(start.count, wanted);
        for (std::uint32_t n = 0; n < start.count; ++n) ASSERT_EQ(one_by_one.reserve(at), start.at) << "request " << i;
        wanted -= start.count;
        if (wanted == 0) break;
      }
    }
  }
}

TEST(Ports, StepsAreThereIfADelayAlwaysComesToAsManyCycles) {
  const Ports ports(2, kPeriod);
  EXPECT_EQ(ports.steps(Ports(1, kPeriod), 0), 0u);
  EXPECT_EQ(ports.steps(Ports(1, kPeriod), 3 * kPeriod), 3u);
  EXPECT_EQ(ports.steps(Ports(1, kPeriod), kPeriod + 1), std::nullopt);
  EXPECT_EQ(ports.steps(Ports(1, 2 * kPeriod), 2 * kPeriod), std::nullopt) << "another clock";
  EXPECT_EQ(ports.steps(Ports(0, kPeriod), kPeriod), std::nullopt) << "no limit";
  EXPECT_EQ(Ports(0, kPeriod).steps(ports, kPeriod), std::nullopt);
}

// The same on twins, one request and one structure after the other. What has to wait for the second, or starts too late,
// is left, and takes its ports likewise.
TEST(Ports, PortsOfTwoAreTakenAsIfOneAfterTheOther) {
  std::mt19937_64 random(7);
  for (const auto& [first_count, second_count] : {std::pair{1u, 1u}, {2u, 2u}, {2u, 3u}, {3u, 1u}, {4u, 2u}}) {
    for (const std::uint64_t steps : {0u, 1u, 5u}) {
      Ports first(first_count, kPeriod), second(second_count, kPeriod);
      Ports lone_first(first_count, kPeriod), lone_second(second_count, kPeriod);
      const Ps delay = steps * kPeriod;
      Ps base = 0;
      std::uint64_t taken = 0, refused = 0;
      for (int i = 0; i < 20'000; ++i) {
        base += random() % (12 * kPeriod);
        const Ps at = base + random() % (20 * kPeriod);
        const std::uint64_t end = first.cycle_of(base) + random() % 40;
        const auto wanted = 1 + static_cast<std::uint32_t>(random() % 7);
        const std::uint32_t left = first.reserve_both(second, steps, at, end, wanted);
        ASSERT_LE(left, wanted);
        taken += wanted - left;
        refused += left;
        for (std::uint32_t n = left; n < wanted; ++n) {
          const Ps start = lone_first.reserve(at);
          EXPECT_LT(start, end * kPeriod);
          EXPECT_EQ(lone_second.reserve(start + delay), start + delay) << "without a wait";
        }
        for (std::uint32_t n = 0; n < left; ++n) {
          const Ps start = first.reserve(at);
          ASSERT_EQ(start, lone_first.reserve(at)) << "request " << i;
          ASSERT_EQ(second.reserve(start + delay), lone_second.reserve(start + delay)) << "request " << i;
        }
        if (random() % 3 == 0) {  // others use the second
          const Ps other = base + random() % (30 * kPeriod);
          ASSERT_EQ(second.reserve(other), lone_second.reserve(other));
        }
      }
      EXPECT_GT(taken, 1'000u);
      EXPECT_GT(refused, 1'000u);
    }
  }
}

TEST(Ports, ARunNeedsAsManyFreeCyclesInARow) {
  Ports one(1, kPeriod);
  one.reserve(2 * kPeriod);
  EXPECT_EQ(one.reserve(0, 2), 0u) << "fits before it";
  EXPECT_EQ(one.reserve(0, 2), 3 * kPeriod) << "behind it";
  EXPECT_EQ(one.reserve(7 * kPeriod + 1, 2), 7 * kPeriod + 1);
  EXPECT_EQ(one.reserve(0, 2), 5 * kPeriod) << "fits between";
}

TEST(Ports, ARunLongerThanTheCalendarIsTaken) {
  Ports one(1, kPeriod);
  EXPECT_EQ(one.reserve(5 * kPeriod), 5 * kPeriod);
  EXPECT_EQ(one.reserve(0, 1'000'000), 6 * kPeriod);
  EXPECT_GT(one.reserve(7 * kPeriod), 1'000 * kPeriod);
}

TEST(Ports, WhatLiesFarBehindTheLatestIsFree) {
  Ports one(1, kPeriod);
  one.reserve(0);
  one.reserve(Ps{1} << 40);
  EXPECT_EQ(one.reserve(10 * kPeriod), 10 * kPeriod);
}

// Against a count for every cycle; periods that do and do not divide things evenly, and times up to days.
TEST(Ports, AgreesWithACountOfEveryCycle) {
  std::mt19937_64 random(5);
  for (const Ps period : {Ps{50}, Ps{250}, Ps{333}, Ps{1'000'003}}) {
    for (const std::uint32_t count : {1u, 2u, 5u}) {
      Ports ports(count, period);
      std::map<std::uint64_t, std::uint32_t> used;
      Ps base = random() % (period << 40);
      for (int i = 0; i < 20'000; ++i) {
        base += random() % (4 * period);
        const Ps at = base + random() % (300 * period);
        const std::uint64_t length = random() % 8 == 0 ? 1 + random() % 4 : 1;
        std::uint64_t first = at / period;
        for (std::uint64_t run = 0, cycle = first; run < length; ++cycle) {
          run = used[cycle] >= count ? 0 : run + 1;
          first = cycle + 1 - run;
        }
        const Ps expected = first == at / period ? at : first * period;
        ASSERT_EQ(length == 1 ? ports.reserve(at) : ports.reserve(at, length), expected) << "request " << i;
        for (std::uint64_t cycle = first; cycle < first + length; ++cycle) ++used[cycle];
      }
    }
  }
}

}  // namespace pagoda::ports_test
