#include "pagoda/base/assoc_array.h"

#include <deque>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace pagoda::assoc_array_test {

struct Payload {
  int value;
};
using Array = AssocArray<Payload>;

// Looks `key` up in set 0 and fills it on a miss; true on a hit.
bool access(Array& array, std::uint64_t key, std::size_t set = 0) {
  if (array.use(array.set_of(set), key) != nullptr) return true;
  array.insert(array.set_of(set), key);
  return false;
}

TEST(AssocArray, LruKeepsTheMostRecentWays) {
  Array array({.entries = 4, .ways = 4});
  for (const std::uint64_t key : {1, 2, 3, 4}) access(array, key);
  EXPECT_TRUE(access(array, 1));
  EXPECT_FALSE(access(array, 5));  // takes the place of 2
  EXPECT_FALSE(array.find(array.set_of(0), 2));
  for (const std::uint64_t key : {1, 3, 4, 5}) EXPECT_TRUE(array.find(array.set_of(0), key)) << key;
}

// An independent model: a list per set, most recent first.
void agree_with_lists(std::size_t sets, std::size_t ways, std::uint64_t keys) {
  Array array({.entries = sets * ways, .ways = ways});
  std::vector<std::deque<std::uint64_t>> lists(sets);
  std::mt19937_64 random(3);
  for (int i = 0; i < 50'000; ++i) {
    const std::uint64_t key = 1 + random() % keys;
    auto& list = lists[key % sets];
    const auto at = std::find(list.begin(), list.end(), key);
    const bool hit = at != list.end();
    if (hit) list.erase(at);
    list.push_front(key);
    if (list.size() > ways) list.pop_back();
    ASSERT_EQ(access(array, key, key % sets), hit) << "access " << i;
    if (random() % 16 != 0) continue;
    array.erase(array.find(array.set_of(key), key));
    list.pop_front();
  }
}

TEST(AssocArray, LruAgreesWithAListOnRandomTraffic) {
  agree_with_lists(8, 6, 100);
  agree_with_lists(4, 16, 100);
  agree_with_lists(2, 40, 120);
  agree_with_lists(1, 255, 400);
  agree_with_lists(1, 300, 400);
}

// Closed form: cyclic access to one more than fits always misses under LRU; to what fits, only the first
// round misses.
TEST(AssocArray, LruOnACycleIsAllOrNothing) {
  for (const std::uint64_t length : {16u, 17u}) {
    Array array({.entries = 16, .ways = 16});
    int hits = 0;
    for (int round = 0; round < 10; ++round) {
      for (std::uint64_t key = 1; key <= length; ++key) hits += access(array, key) ? 1 : 0;
    }
    EXPECT_EQ(hits, length == 16 ? 9 * 16 : 0);
  }
}

TEST(AssocArray, PlruOfTwoWaysIsLru) {
  Array plru({.entries = 2, .ways = 2, .replacement = Replacement::plru});
  Array lru({.entries = 2, .ways = 2});
  std::mt19937_64 random(5);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t key = 1 + random() % 4;
    ASSERT_EQ(access(plru, key), access(lru, key));
  }
}

// The textbook sequence: after touching ways 0, 2, 1, 3 of four, the tree points at way 0.
TEST(AssocArray, PlruFollowsItsTree) {
  Array array({.entries = 4, .ways = 4, .replacement = Replacement::plru});
  for (const std::uint64_t key : {1, 2, 3, 4}) access(array, key);
  for (const std::uint64_t key : {1, 3, 2, 4}) EXPECT_TRUE(access(array, key));
  EXPECT_FALSE(access(array, 9));
  EXPECT_FALSE(array.find(array.set_of(0), 1));
}

// SRRIP inserts as "long": a scan of new keys is evicted before what was hit (ISCA 2010, section 4).
TEST(AssocArray, SrripResistsAScan) {
  Array array({.entries = 4, .ways = 4, .replacement = Replacement::srrip});
  for (const std::uint64_t key : {1, 2}) access(array, key);
  for (const std::uint64_t key : {1, 2}) access(array, key);
  for (std::uint64_t key = 100; key < 104; ++key) access(array, key);
  EXPECT_TRUE(array.find(array.set_of(0), 1));
  EXPECT_TRUE(array.find(array.set_of(0), 2));
}

TEST(AssocArray, RandomIsSeededAndUsesEveryWay) {
  Array a({.entries = 8, .ways = 8, .replacement = Replacement::random}, 42);
  Array b({.entries = 8, .ways = 8, .replacement = Replacement::random}, 42);
  std::map<const Payload*, int> replaced;
  for (std::uint64_t key = 1; key < 2000; ++key) {
    ++replaced[a.insert(a.set_of(0), key)];
    access(b, key);
  }
  EXPECT_EQ(replaced.size(), 8u);
  for (const auto& [entry, times] : replaced) EXPECT_GT(times, 150);  // 250 expected, standard deviation 15
  for (std::uint64_t key = 1; key < 2000; ++key)
    EXPECT_EQ(a.find(a.set_of(0), key) != nullptr, b.find(b.set_of(0), key) != nullptr);
}

TEST(AssocArray, EraseIfEmptiesAndEmptyEntriesAreFilledFirst) {
  Array array({.entries = 4, .ways = 4});
  for (const std::uint64_t key : {1, 2, 3, 4}) access(array, key);
  EXPECT_EQ(array.erase_if([](std::uint64_t key, const Payload&) { return key % 2 == 0; }), 2u);
  access(array, 7);
  access(array, 8);
  for (const std::uint64_t key : {1, 3, 7, 8}) EXPECT_TRUE(array.find(array.set_of(0), key)) << key;
}

TEST(AssocGeometry, SaysWhatIsWrongWithAShape) {
  EXPECT_EQ((AssocGeometry{.entries = 1536, .ways = 12}).problem(), "");
  EXPECT_NE((AssocGeometry{.entries = 0, .ways = 1}).problem(), "");
  EXPECT_NE((AssocGeometry{.entries = 10, .ways = 4}).problem(), "");
  EXPECT_NE((AssocGeometry{.entries = 12, .ways = 4}).problem(), "") << "three sets";
  EXPECT_NE((AssocGeometry{.entries = 12, .ways = 6, .replacement = Replacement::plru}).problem(), "");
}

}  // namespace pagoda::assoc_array_test
