// Which page goes next: each policy against its definition, and the list against a plain one.
#include "pagoda/software/victim_list.h"

#include <list>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace pagoda::victim_list_test {

bool any(std::uint64_t /*page*/) { return true; }
bool never(std::uint64_t /*page*/) { return false; }

TEST(VictimList, AnEmptyListHasNoVictim) {
  for (const Eviction policy : {Eviction::clock, Eviction::fifo, Eviction::random}) {
    VictimList list(policy, 1);
    EXPECT_FALSE(list.choose(any, never).page);
    const VictimList::Place place = list.add(7);
    EXPECT_EQ(list.choose(any, never).page, 7u);
    list.remove(place);
    EXPECT_FALSE(list.choose(any, never).page);
    EXPECT_EQ(list.size(), 0u);
  }
}

TEST(VictimList, NoneThatMayNotGoIsChosen) {
  for (const Eviction policy : {Eviction::clock, Eviction::fifo, Eviction::random}) {
    VictimList list(policy, 1);
    for (std::uint64_t page = 0; page < 300; ++page) list.add(page);
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(list.choose([](std::uint64_t page) { return page == 251; }, never).page, 251u);
    }
    const VictimList::Choice none = list.choose(never, never);
    EXPECT_FALSE(none.page);
    EXPECT_LE(none.looked_at, 2 * 300u + 65);
  }
}

// The oldest goes, whatever was removed in between.
TEST(VictimList, FifoIsInOrderOfArrival) {
  VictimList list(Eviction::fifo, 1);
  std::map<std::uint64_t, VictimList::Place> places;
  std::list<std::uint64_t> expected;
  std::mt19937_64 random(5);
  std::uint64_t next = 0;
  for (int i = 0; i < 5000; ++i) {
    if (expected.size() < 50 || random() % 2 == 0) {
      places[next] = list.add(next);
      expected.push_back(next++);
    } else if (random() % 4 == 0) {  // one from the middle
      const auto it = std::next(expected.begin(), static_cast<std::ptrdiff_t>(random() % expected.size()));
      list.remove(places[*it]);
      expected.erase(it);
    } else {
      const VictimList::Choice choice = list.choose(any, never);
      ASSERT_EQ(choice.page, expected.front());
      EXPECT_EQ(choice.looked_at, 1u);
      list.remove(places[*choice.page]);
      expected.pop_front();
    }
  }
}

TEST(VictimList, TheClockPassesOverWhatWasUsed) {
  VictimList list(Eviction::clock, 1);
  std::set<std::uint64_t> accessed{0, 1, 3};
  const auto take = [&](std::uint64_t page) { return accessed.erase(page) > 0; };
  std::map<std::uint64_t, VictimList::Place> places;
  for (std::uint64_t page = 0; page < 5; ++page) places[page] = list.add(page);
  VictimList::Choice choice = list.choose(any, take);
  EXPECT_EQ(choice.page, 2u) << "0 and 1 were used";
  EXPECT_EQ(choice.looked_at, 3u);
  EXPECT_EQ(accessed, std::set<std::uint64_t>{3}) << "their flags are cleared";
  list.remove(places[2]);
  EXPECT_EQ(list.choose(any, take).page, 4u) << "3 was used, and the hand goes on from where it was";
  list.remove(places[4]);
  EXPECT_EQ(list.choose(any, take).page, 0u) << "a second chance is all it has had";
}

TEST(VictimList, WithAllPagesUsedTheClockTakesTheFirstOfTheNextRound) {
  VictimList list(Eviction::clock, 1);
  std::set<std::uint64_t> accessed;
  for (std::uint64_t page = 0; page < 20; ++page) {
    list.add(page);
    accessed.insert(page);
  }
  const VictimList::Choice choice = list.choose(any, [&](std::uint64_t page) { return accessed.erase(page) > 0; });
  EXPECT_EQ(choice.page, 0u);
  EXPECT_EQ(choice.looked_at, 21u);
}

TEST(VictimList, RandomIsEvenAndFollowsItsSeed) {
  constexpr std::uint64_t kPages = 20;
  constexpr int kDraws = 20'000;
  std::map<std::uint64_t, int> drawn;
  VictimList list(Eviction::random, 3), same(Eviction::random, 3);
  for (std::uint64_t page = 0; page < kPages; ++page) {
    list.add(page);
    same.add(page);
  }
  for (int i = 0; i < kDraws; ++i) {
    const VictimList::Choice choice = list.choose(any, never);
    ++drawn[*choice.page];
    ASSERT_EQ(same.choose(any, never).page, choice.page);
  }
  for (const auto& [page, count] : drawn) EXPECT_NEAR(count, kDraws / kPages, 160) << page;  // five deviations
  EXPECT_EQ(drawn.size(), kPages);
}

}  // namespace pagoda::victim_list_test
