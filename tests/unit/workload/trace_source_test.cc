#include "pagoda/workload/trace_source.h"

#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/workload/workload_test_util.h"

namespace pagoda::trace_source_test {

using test::drain;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class VectorSource final : public AccessSource {
 public:
  explicit VectorSource(std::vector<Access> records) : records_(std::move(records)) {}
  std::size_t fill(std::span<Access> out) override {
    const std::size_t count = std::min(out.size(), records_.size() - at_);
    std::copy_n(records_.begin() + static_cast<std::ptrdiff_t>(at_), count, out.begin());
    at_ += count;
    return count;
  }
  void rewind() override { at_ = 0; }

 private:
  std::vector<Access> records_;
  std::size_t at_ = 0;
};

std::unique_ptr<AccessSource> source(std::vector<Access> records) {
  return std::make_unique<VectorSource>(std::move(records));
}

std::unique_ptr<AccessSource> counting(Addr count) {
  std::vector<Access> records;
  for (Addr i = 0; i < count; ++i) records.push_back({.address = i});
  return source(std::move(records));
}

std::uint64_t instructions_of(const std::vector<Access>& records) {
  return std::accumulate(records.begin(), records.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Access& access) { return sum + instructions(access); });
}

Access fetch(Addr address, std::uint16_t size = 4) {
  return {.address = address, .ip = address, .size = size, .kind = RecordKind::fetch};
}
Access load(Addr address, Addr ip) { return {.address = address, .ip = ip, .same_instruction = true}; }

TEST(LimitSource, EndsAfterItsRecords) {
  for (const std::uint64_t limit : {0U, 1U, 7U, 10U, 11U}) {
    LimitSource limited(counting(10), limit);
    EXPECT_EQ(drain(limited, 3).size(), std::min<std::uint64_t>(limit, 10));
    std::vector<Access> more(5);
    EXPECT_EQ(limited.fill(more), 0U);
    limited.rewind();
    EXPECT_EQ(drain(limited, 4).size(), std::min<std::uint64_t>(limit, 10));
  }
}

TEST(RepeatSource, StartsTheOtherAgain) {
  RepeatSource repeated(counting(3), 2);
  const std::vector<Access> twice = drain(repeated, 2);
  ASSERT_EQ(twice.size(), 6U);
  for (std::size_t i = 0; i < twice.size(); ++i) EXPECT_EQ(twice[i].address, i % 3);
  std::vector<Access> more(5);
  EXPECT_EQ(repeated.fill(more), 0U);
  repeated.rewind();
  EXPECT_EQ(drain(repeated), twice);
}

TEST(RepeatSource, NeedNotEnd) {
  LimitSource limited(std::make_unique<RepeatSource>(counting(3), 0), 1000);
  EXPECT_EQ(drain(limited).size(), 1000U);
}

TEST(RepeatSource, OfNothingIsNothing) {
  RepeatSource repeated(counting(0), 0);
  EXPECT_THAT(drain(repeated), IsEmpty());
}

TEST(FetchFolder, LeavesEveryFetchIfAsked) {
  const std::vector<Access> records = {fetch(0x100), fetch(0x104), load(0x9000, 0x104)};
  FetchFolder folder(source(records), FetchDetail::every);
  EXPECT_EQ(drain(folder), records);
}

TEST(FetchFolder, CountsFetchesItLeavesOut) {
  FetchFolder folder(source({fetch(0x100), fetch(0x104), load(0x9000, 0x104), load(0x9008, 0x104), fetch(0x108),
                             fetch(0x10c), fetch(0x110), load(0x9010, 0x110)}),
                     FetchDetail::none);
  EXPECT_THAT(drain(folder), ElementsAre(Access{.address = 0x9000, .ip = 0x104, .gap = 1}, load(0x9008, 0x104),
                                         Access{.address = 0x9010, .ip = 0x110, .gap = 2}));
}

TEST(FetchFolder, KeepsAFetchForEachLineEntered) {
  FetchFolder folder(source({fetch(0x100), fetch(0x104), load(0x9000, 0x104), fetch(0x13e, 4), fetch(0x142),
                             fetch(0x140), fetch(0x100), load(0x9008, 0x100), fetch(0x200)}),
                     FetchDetail::line);
  EXPECT_THAT(drain(folder),
              ElementsAre(fetch(0x100),                            // enters line 4
                          Access{.address = 0x9000, .ip = 0x104},  // of the instruction at 0x104, left out
                          fetch(0x13e, 4),                         // crosses into line 5
                          Access{.address = 0x100, .ip = 0x100, .gap = 2, .size = 4, .kind = RecordKind::fetch},
                          load(0x9008, 0x100), fetch(0x200)));
}

TEST(FetchFolder, KeepsTheInstructionsWhateverItLeavesOut) {
  std::vector<Access> records;
  std::mt19937_64 engine(1);
  for (int i = 0; i < 10'000; ++i) {
    records.push_back(fetch(0x100 + engine() % 200));
    records.back().gap = engine() % 8 == 0 ? 3 : 0;
    for (std::uint64_t j = engine() % 3; j > 0; --j) records.push_back(load(engine(), records.back().ip));
    if (engine() % 16 == 0) records.push_back({.address = engine(), .gap = 7});
  }
  records.push_back({.address = 1});
  for (const FetchDetail detail : {FetchDetail::none, FetchDetail::line, FetchDetail::every}) {
    FetchFolder folder(source(records), detail);
    const std::vector<Access> folded = drain(folder, 100);
    EXPECT_EQ(instructions_of(folded), instructions_of(records));
    for (const Access& access : folded) EXPECT_FALSE(access.same_instruction && access.gap != 0);
    folder.rewind();
    EXPECT_EQ(drain(folder, 1), folded);
  }
}

TEST(FetchFolder, DoesNotEndAtABatchOfNothingButFetches) {
  std::vector<Access> records(5000, fetch(0x100));
  records.push_back(load(0x9000, 0x100));
  FetchFolder folder(source(records), FetchDetail::none);
  EXPECT_THAT(drain(folder, 16), ElementsAre(Access{.address = 0x9000, .ip = 0x100, .gap = 4999}));
}

TEST(FetchFolder, DoesNotWrapAGap) {
  Access far = fetch(0x100);
  far.gap = std::numeric_limits<std::uint32_t>::max();
  FetchFolder folder(source({far, far, load(1, 0x100)}), FetchDetail::none);
  EXPECT_EQ(drain(folder).front().gap, std::numeric_limits<std::uint32_t>::max());
}

TEST(Footprint, HoldsThePagesOfDataAndCodeAsRanges) {
  const auto trace = source({fetch(0x1000),
                             fetch(0x1ffe, 4),
                             load(0x5000, 0x1000),
                             load(0x6fff, 0x1000),
                             {.address = 0x6fff, .size = 2},
                             {.address = 0x1000, .size = 4096},
                             {.address = 0xffff'ffff'ffff'ffff, .size = 1}});
  const Footprint footprint = trace->footprint();
  EXPECT_THAT(footprint.code, ElementsAre(PageRange{0x1000, 0x2000}));
  EXPECT_THAT(footprint.data, ElementsAre(PageRange{0x1000, 0x1000}, PageRange{0x5000, 0x3000},
                                          PageRange{0xffff'ffff'ffff'f000, 0x1000}));
  EXPECT_EQ(footprint.code_pages(), 2U);
  EXPECT_EQ(footprint.data_pages(), 5U);
  EXPECT_EQ(drain(*trace).size(), 7U) << "it starts again after the scan";
}

TEST(Footprint, OfALimitedTraceIsWhatIsLeftOfIt) {
  LimitSource limited(source({load(0x5000, 0), load(0x9000, 0)}), 1);
  EXPECT_THAT(limited.footprint().data, ElementsAre(PageRange{0x5000, 0x1000}));
}

TEST(Footprint, OfATraceRepeatedWithoutEndIsKnown) {
  RepeatSource repeated(source({load(0x5000, 0), load(0x9000, 0)}), 0);
  EXPECT_EQ(repeated.footprint().data_pages(), 2U);
}

TEST(MergeRanges, JoinsWhatTouchesOrOverlaps) {
  EXPECT_THAT(merge_ranges({{0x9000, 0x1000}, {0x1000, 0x1000}, {0x2000, 0x3000}, {0x3000, 0x1000}, {0x7000, 0}}),
              ElementsAre(PageRange{0x1000, 0x4000}, PageRange{0x9000, 0x1000}));
  EXPECT_THAT(merge_ranges({{0xffff'ffff'ffff'f000, 0x1000}, {0xffff'ffff'ffff'e000, 0x1000}, {0, 0x1000}}),
              ElementsAre(PageRange{0, 0x1000}, PageRange{0xffff'ffff'ffff'e000, 0x2000}));
  EXPECT_THAT(merge_ranges({}), IsEmpty());
}

TEST(TouchedPages, CountsLines) {
  TouchedPages touched;
  touched.touch(0x1000, 1);
  touched.touch(0x103f, 2);   // and the line behind
  touched.touch(0x1000, 64);  // again
  touched.touch(0x1fff, 2);   // the last line of this page and the first of the next
  touched.touch(0x8000, 4096);
  EXPECT_EQ(touched.pages(), 3U);
  EXPECT_EQ(touched.lines(), 2U + 2U + 64U);
}

}  // namespace pagoda::trace_source_test
