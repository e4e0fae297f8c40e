#include "pagoda/workload/trace_info.h"

#include <list>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/workload/trace_reuse.h"
#include "unit/workload/workload_test_util.h"

namespace pagoda::trace_info_test {

using ::testing::ElementsAre;

TEST(TraceInfo, CountsWhatIsInATrace) {
  const test::TestFolder folder;
  const std::string path = folder.file("trace.txt.gz");
  const std::string text =
      "# pagoda-trace 1\n"
      "2 I 0x1000 4\n"
      "0 L 0x5000 8 same\n"
      "0 I 0x103e 4\n"       // crosses a line
      "0 S 0x5ffc 8 same\n"  // crosses a page
      "3 L 0x9000 16 dep\n"
      "0 M 0x5001 1\n";
  const std::string file = test::compressed(Compression::gzip, text);
  test::write_file(path, file);
  std::uint64_t read = 0;
  const TraceInfo info = trace_info(path, {}, [&](std::uint64_t bytes) { read = bytes; });
  EXPECT_EQ(info.format, TraceFormat::text);
  EXPECT_EQ(info.compression, Compression::gzip);
  EXPECT_EQ(info.file_bytes, file.size());
  EXPECT_EQ(read, file.size());
  EXPECT_EQ(info.records, 6U);
  EXPECT_THAT(info.by_kind, ElementsAre(2U, 1U, 1U, 2U));
  EXPECT_EQ(info.instructions, 3U + 1U + 4U + 1U);
  EXPECT_EQ(info.dependent, 1U);

  EXPECT_EQ(info.data.records, 4U);
  EXPECT_EQ(info.data.bytes, 8U + 8U + 16U + 1U);
  EXPECT_EQ(info.data.lowest, 0x5000U);
  EXPECT_EQ(info.data.highest, 0x900fU);
  EXPECT_EQ(info.data.line_crossings, 1U);
  EXPECT_EQ(info.data.page_crossings, 1U);
  EXPECT_EQ(info.data.pages, 3U);
  EXPECT_EQ(info.data.lines, 4U);
  EXPECT_THAT(info.data.ranges, ElementsAre(PageRange{0x5000, 0x2000}, PageRange{0x9000, 0x1000}));
  EXPECT_EQ(info.data.page_accesses, 5U);
  EXPECT_EQ(info.data.tlb_hits[0], 2U) << "5, 5 again, 6, 9, 5 again";

  EXPECT_EQ(info.code.records, 2U);
  EXPECT_EQ(info.code.line_crossings, 1U);
  EXPECT_EQ(info.code.pages, 1U);
  EXPECT_EQ(info.code.lines, 2U);
}

TEST(TraceInfo, OfATraceWithoutFetchesHasAnEmptyCodeSide) {
  const test::TestFolder folder;
  const std::string path = folder.file("trace");
  test::write_file(path, " L 5000,8\n");
  const TraceInfo info = trace_info(path);
  EXPECT_EQ(info.code.records, 0U);
  EXPECT_EQ(info.code.pages, 0U);
  EXPECT_TRUE(info.code.ranges.empty());
}

TEST(ReuseDistance, OfACycleIsItsLength) {
  // Cyclic access to n pages misses in every LRU structure of fewer entries and, once cold, hits in any other.
  for (const std::uint64_t pages : {1U, 2U, 3U, 16U, 17U, 100U}) {
    constexpr std::uint64_t kRounds = 50;
    ReuseDistance reuse;
    for (std::uint64_t i = 0; i < kRounds * pages; ++i) reuse.access(i % pages);
    EXPECT_EQ(reuse.accesses(), kRounds * pages);
    EXPECT_EQ(reuse.cold(), pages);
    for (std::uint64_t entries = 1; entries <= 256; entries *= 2) {
      EXPECT_EQ(reuse.hits(entries), entries >= pages ? (kRounds - 1) * pages : 0) << pages << " in " << entries;
    }
  }
}

/// A fully associative LRU list, for comparison.
class LruList {
 public:
  explicit LruList(std::size_t entries) : entries_(entries) {}
  bool access(std::uint64_t page) {
    const auto found = std::find(list_.begin(), list_.end(), page);
    const bool hit = found != list_.end();
    if (hit) list_.erase(found);
    list_.push_front(page);
    if (list_.size() > entries_) list_.pop_back();
    return hit;
  }

 private:
  std::size_t entries_;
  std::list<std::uint64_t> list_;
};

TEST(ReuseDistance, AgreesWithLruListsOfEverySize) {
  std::mt19937_64 engine(7);
  std::vector<std::uint64_t> pages(30'000);
  for (std::uint64_t& page : pages) page = engine() % 4 == 0 ? engine() % 500 : engine() % 20;
  ReuseDistance reuse;
  for (const std::uint64_t page : pages) reuse.access(page);
  for (std::size_t entries = 1; entries <= 512; entries *= 2) {
    LruList list(entries);
    std::uint64_t hits = 0;
    for (const std::uint64_t page : pages) hits += list.access(page) ? 1 : 0;
    EXPECT_EQ(reuse.hits(entries), hits) << entries;
  }
}

TEST(ReuseDistance, SurvivesMoreAccessesThanItHasTimesFor) {
  // Its clock starts again every 65,536 changes of page, and later with the pages: 100,000 of them.
  constexpr std::uint64_t kPages = 100'000;
  ReuseDistance reuse;
  for (int round = 0; round < 6; ++round) {
    for (std::uint64_t page = 0; page < kPages; ++page) reuse.access(page);
  }
  EXPECT_EQ(reuse.hits(65'536), 0U);
  EXPECT_EQ(reuse.hits(131'072), 5 * kPages);
}

}  // namespace pagoda::trace_info_test
