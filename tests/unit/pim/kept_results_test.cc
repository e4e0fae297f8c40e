// What walks in memory leave behind and what makes it stale: the buffer, associative rows, copies in the host's caches;
// data that comes along; look-ups of tables.
#include <map>

#include "unit/pim/engine_bench.h"

namespace pagoda::kept_results_test {

using test::EngineBench;
using test::kUserPage;
using Outcome = MemoryWalkOutcome;

constexpr Addr kPage = 0x12345000;
constexpr Addr kFrame = 0x40000000;

struct ResultBufferTest : EngineBench {
  ResultBufferTest() { config.buffer = TlbConfig{.entries = 16, .ways = 4, .latency = Latency::cycles(2), .ports = 0}; }

  // Whether the walk of a page is answered from the buffer.
  bool is_kept(Addr page, Ps at, AddressSpaceTag tag = {.asid = 1}) {
    const double before = stat("buffer.hits");
    EXPECT_EQ(walk(page, at, AccessKind::read, tag).outcome, Outcome::result);
    return stat("buffer.hits") > before;
  }
};

TEST_F(ResultBufferTest, AHitTakesTheBuffersTimeAndOneBurst) {
  build();
  map(kPage, kFrame);
  walk(kPage, clocks(1000));
  const Ps start = clocks(16'000);
  const auto reply = walk(kPage + 0x128, start);
  EXPECT_EQ(reply.done - start, way_in() + clocks(2) + way_out());
  EXPECT_EQ(reply.output, kFrame + 0x128);
  EXPECT_EQ(stat("table_reads"), 4) << "those of the first walk";
}

TEST_F(ResultBufferTest, MaintenanceDropsWhatItNames) {
  build();
  map(kPage, kFrame);
  map(0x40000000, 0x80000000, 30);
  const auto drop = [&](const TlbInvalidation& what) { (void)engine->invalidate(what, clocks(1000), 0); };
  // The page and an address in it: with a superpage, one far from the one that was asked for.
  const std::vector<std::pair<Addr, Addr>> pages{{kPage, kPage + 0x10}, {0x40000000, 0x60000000}};
  for (const auto& [page, named] : pages) {
    is_kept(page, clocks(1000));
    EXPECT_TRUE(is_kept(page, clocks(2000)));
    EXPECT_FALSE(is_kept(page, clocks(3000), {.asid = 2})) << "another address space";
    drop({.address = named, .asid = 1});
    EXPECT_FALSE(is_kept(page, clocks(4000)));
    EXPECT_TRUE(is_kept(page, clocks(5000), {.asid = 2}));
    drop({.asid = 2});
    EXPECT_FALSE(is_kept(page, clocks(6000), {.asid = 2}));
    EXPECT_TRUE(is_kept(page, clocks(7000)));
    drop({});
    EXPECT_FALSE(is_kept(page, clocks(8000)));
  }
  EXPECT_EQ(stat("invalidations"), 6);
}

TEST_F(ResultBufferTest, AWriteToAnyTableEntryOfTheWalkDropsItsResult) {
  build();
  map(kPage, kFrame);
  map(kPage + (Addr{1} << 30), kFrame + 0x1000);
  const Addr leaf = editor().find(kPage)->leaf_address;
  const Addr other_leaf = editor().find(kPage + (Addr{1} << 30))->leaf_address;
  for (const Addr entry : {leaf, stages[0].root}) {
    is_kept(kPage, clocks(1000));
    engine->on_write(entry & ~Addr{63}, 64);
    EXPECT_FALSE(is_kept(kPage, clocks(2000)));
  }
  engine->on_write(other_leaf & ~Addr{63}, 64);
  EXPECT_TRUE(is_kept(kPage, clocks(3000))) << "nothing of its walk";
}

// What the buffer has from elsewhere than a walk of its own, or from one that skipped tables, any write makes doubtful.
TEST_F(ResultBufferTest, ResultsOfUnknownOriginAreDroppedByAnyWriteToATable) {
  config.walk_caches = {{.level = 1, .entries = 4, .ways = 4}};
  build();
  map(kPage, kFrame);
  map(kPage + 0x1000, kFrame + 0x1000);
  walk(kPage, clocks(1000));
  EXPECT_FALSE(is_kept(kPage + 0x1000, clocks(2000)));
  EXPECT_EQ(stat("table_reads"), 5) << "the second walk began at the leaf's table";
  engine->on_write(stages[0].root, 8);
  EXPECT_FALSE(is_kept(kPage + 0x1000, clocks(3000)));
}

// A write that comes while a walk is under way: the walk answers as if it were before the write, nobody after it does.
TEST_F(ResultBufferTest, AnUpdateThatRacesAWalkIsSeenByTheNext) {
  build();
  map(kPage, kFrame);
  const Ps start = clocks(1000);
  const auto before = walk(kPage, start);
  EXPECT_EQ(before.output, kFrame);
  const Addr leaf = editor().find(kPage)->leaf_address;
  const Ps during = start + (before.done - start) / 2;
  ASSERT_EQ(editor().unmap(kPage, 12), EditStatus::ok);
  map(kPage, kFrame + 0x7000);
  engine->on_write(leaf, 8);
  const auto after = walk(kPage, during);
  EXPECT_EQ(after.output, kFrame + 0x7000);
}

TEST_F(ResultBufferTest, ARightThatIsMissingIsAskedOfTheTables) {
  build();
  map(kPage, kFrame, 12, kUserPage & ~(Rights::write | Rights::dirty));
  walk(kPage, clocks(1000));
  EXPECT_EQ(walk(kPage, clocks(2000), AccessKind::write).outcome, Outcome::not_present);
  ASSERT_EQ(editor().protect(kPage, 12, kUserPage), EditStatus::ok);
  EXPECT_EQ(walk(kPage, clocks(3000), AccessKind::write).outcome, Outcome::result);
}

struct AssociativeRowsTest : EngineBench {
  AssociativeRowsTest() {
    config.associative = AssociativeRowsConfig{.rows = 2, .tag_bits = 68, .compare_bit = Latency::cycles(1)};
  }
  // The entries, wherever they lie, that hold the page.
  std::vector<Addr> entries_of(Addr page) {
    std::vector<Addr> found;
    for (std::uint32_t row = 0; row < 2; ++row) {
      for (std::uint32_t i = 0; i < rows->entries_per_row(); ++i) {
        const Addr entry = rows->associative_entry(0, row, i);
        const std::uint64_t word = bytes.words.read(entry);
        if ((word & 1) != 0 && word >> 12 == page >> 12) found.push_back(entry);
      }
    }
    return found;
  }
};

TEST_F(AssociativeRowsTest, ASearchComparesAllTagsOfARowBitAfterBit) {
  build();
  map(kPage, kFrame);
  map(0x40000000, 0x80000000, 30);
  walk(kPage, clocks(1000));
  EXPECT_EQ(entries_of(kPage).size(), 1U);
  const DramTimings& t = dram_config.timings;
  dram->access({.address = dram->address_map().encode({.row = 7}), .arrival = clocks(10'000)});
  dram->access({.address = dram->address_map().encode({.bank_group = 1, .row = 7}), .arrival = clocks(10'000)});
  const Ps start = clocks(16'000);
  const auto reply = walk(kPage + 0x18, start);
  EXPECT_EQ(reply.done - start, way_in() + time(t.t_rp) + time(t.t_rcd) + clocks(68 + 8) + way_out());
  EXPECT_EQ(reply.output, kFrame + 0x18);
  walk(0x4abcd000, clocks(20'000));
  EXPECT_EQ(walk(0x4abcd123, clocks(30'000)).output, 0x8abcd123) << "a part of a superpage";
  EXPECT_EQ(walk(0x4abcd123, clocks(40'000)).result.entry.page_shift, 30);
  EXPECT_EQ(stat("associative.hits"), 3);
  EXPECT_EQ(stat("associative.multiple"), 0);
  EXPECT_EQ(stat("table_reads"), 4 + 2);
}

TEST_F(AssociativeRowsTest, SeveralMatchesCountAsNoneAndAreCleared) {
  build();
  map(kPage, kFrame);
  walk(kPage, clocks(1000));
  const Addr entry = entries_of(kPage).front();
  const Addr twin = entry ^ (5 * TableRows::kEntryBytes);
  for (Addr word = 0; word < TableRows::kEntryBytes; word += 8)
    bytes.words.write(twin + word, bytes.words.read(entry + word));
  bytes.words.write(twin + 16, 0x66666000 | 12);  // and it says something else
  ASSERT_EQ(entries_of(kPage).size(), 2U);
  EXPECT_EQ(walk(kPage, clocks(2000)).output, kFrame);
  EXPECT_EQ(stat("associative.multiple"), 1);
  EXPECT_EQ(entries_of(kPage).size(), 1U) << "what the walk has put in";
  EXPECT_EQ(walk(kPage, clocks(3000)).output, kFrame);
  EXPECT_EQ(stat("associative.hits"), 1);
}

TEST_F(AssociativeRowsTest, InvalidationSearchesEveryRow) {
  build();
  map(kPage, kFrame);
  map(0x40000000, 0x80000000, 30);
  for (const Addr address : {kPage, Addr{0x40001000}, Addr{0x7ffff000}}) walk(address, clocks(1000));
  const Ps dropped = engine->invalidate({.address = 0x50000000}, clocks(16'000), 0);
  EXPECT_GE(dropped - clocks(16'000), way_in() + clocks(68 + 8));
  EXPECT_EQ(entries_of(0x40001000).size() + entries_of(0x7ffff000).size(), 0U) << "all parts of the superpage";
  EXPECT_EQ(entries_of(kPage).size(), 1U);
  (void)engine->invalidate({.asid = 2}, clocks(20'000), 0);
  EXPECT_EQ(entries_of(kPage).size(), 1U);
  (void)engine->invalidate({.asid = 1}, clocks(30'000), 0);
  EXPECT_EQ(entries_of(kPage).size(), 0U);
}

TEST_F(AssociativeRowsTest, AFullRowTakesPlacesInTurn) {
  build();
  for (Addr page = 0; page < 600; ++page) {
    map(page << 12, (page + 7) << 12);
    EXPECT_EQ(walk(page << 12, clocks(1000 + 500 * page)).output, (page + 7) << 12);
  }
  EXPECT_EQ(stat("associative.inserts"), 600);
  std::size_t kept = 0;
  for (Addr page = 0; page < 600; ++page) kept += entries_of(page << 12).size();
  EXPECT_EQ(kept, 512U);
}

/// Answers as the test wants, and writes down what is taken from it.
struct FakeCaches final : HostCaches {
  Copy find(Addr line) override {
    const auto found = copies.find(line);
    return found == copies.end() ? Copy::none : found->second;
  }
  Ps recall(Addr line, Ps at, Ps) override {
    recalled.push_back(line);
    const bool dirty = find(line) == Copy::dirty;
    copies.erase(line);
    return at + (dirty ? kWriteBack : 0);
  }
  static constexpr Ps kWriteBack = 35'000;
  std::map<Addr, Copy> copies;
  std::vector<Addr> recalled;
};

struct HostCopiesTest : EngineBench {
  void SetUp() override {
    build();
    copies->connect(caches);
    map(kPage, kFrame, 12, kUserPage & ~Rights::dirty);
    line = editor().find(kPage)->leaf_address & ~Addr{63};
    unloaded = walk(kPage, clocks(8000)).done - clocks(8000);  // rows are open from now on
    unloaded = walk(kPage, clocks(16'000)).done - clocks(16'000);
  }
  FakeCaches caches;
  Addr line = 0;
  Ps unloaded = 0;
};

TEST_F(HostCopiesTest, ADirtyLineIsWrittenBackBeforeTheArrayReadsIt) {
  caches.copies[line] = HostCaches::Copy::dirty;
  copies->note(line);
  EXPECT_EQ(walk(kPage, clocks(32'000)).done - clocks(32'000),
            unloaded + (kRecall + FakeCaches::kWriteBack + 624) / 625 * 625)
      << "up to the next clock";
  EXPECT_EQ(caches.recalled, std::vector<Addr>{line});
  EXPECT_EQ(walk(kPage, clocks(48'000)).done - clocks(48'000), unloaded) << "it is not asked for again";
}

TEST_F(HostCopiesTest, ACleanCopyDisturbsOnlyAnUpdate) {
  caches.copies[line] = HostCaches::Copy::clean;
  copies->note(line);
  EXPECT_EQ(walk(kPage, clocks(32'000)).done - clocks(32'000), unloaded);
  EXPECT_TRUE(caches.recalled.empty());
  EXPECT_GT(walk(kPage, clocks(48'000), AccessKind::write).done - clocks(48'000), unloaded + kRecall);
  EXPECT_EQ(caches.recalled, std::vector<Addr>{line}) << "or the host would go on with the old flags";
}

TEST_F(HostCopiesTest, WhatTheHostHasNotReadIsNotAskedFor) {
  caches.copies[line] = HostCaches::Copy::dirty;  // cannot be: the directory would know
  EXPECT_EQ(walk(kPage, clocks(32'000)).done - clocks(32'000), unloaded);
  EXPECT_TRUE(caches.recalled.empty());
}

TEST_F(HostCopiesTest, DataComesAlongUnlessTheHostHasIt) {
  caches.copies[kFrame + 0x40] = HostCaches::Copy::dirty;
  const auto without = walk(kPage + 0x48, clocks(32'000), AccessKind::read, {.asid = 1}, 64);
  EXPECT_EQ(without.outcome, Outcome::result);
  EXPECT_EQ(without.done - clocks(32'000), unloaded);
  caches.copies.clear();
  const auto with_data = walk(kPage + 0x48, clocks(48'000), AccessKind::read, {.asid = 1}, 64);
  EXPECT_EQ(with_data.outcome, Outcome::data);
  EXPECT_TRUE(with_data.result.with_data);
  EXPECT_GT(with_data.done - clocks(48'000), unloaded + clocks(4)) << "the line, and the record after it";
  map(0x999000, Addr{1} << 40);  // beyond the DRAM
  EXPECT_EQ(walk(0x999000, clocks(64'000), AccessKind::read, {.asid = 1}, 64).outcome, Outcome::result);
  EXPECT_EQ(stat("table_bytes"), 0) << "data are no table entries";
}

struct TableLookupTest : EngineBench {
  void SetUp() override {
    build();
    table = *rows->frames(0).allocate(kPageBytes);
    for (Addr i = 0; i < 512; ++i) bytes.words.write(table + 8 * i, 0x100 + i);
  }
  WalkEngine::Answer look_up(LookupOperation operation, Addr key, std::uint64_t operand = 0) {
    lookup = {.table = table,
              .entries = 512,
              .key = key,
              .first = 0x8000'0000,
              .shift = 12,
              .operation = operation,
              .operand = operand};
    return engine->look_up(lookup, clocks(start += 16'000), 0);
  }
  std::uint64_t entry(Addr index) { return bytes.words.read(table + 8 * index); }

  Addr table = 0;
  TableLookup lookup;
  std::uint64_t start = 0;
};

TEST_F(TableLookupTest, APhysicalAddressIsTheIndex) {
  const auto answer = look_up(LookupOperation::read, 0x8000'5678);
  EXPECT_EQ(answer.status, tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(lookup.before, 0x105U);
  EXPECT_EQ(answer.done - clocks(16'000), way_in() + time(dram_config.timings.t_rcd) + clocks(8) + way_out());
}

TEST_F(TableLookupTest, ResultsStayInPlaceAndOnlyAskedForOnesCrossTheChannel) {
  const std::uint64_t before = dram->bursts_out(0);
  look_up(LookupOperation::set_bits, 0x8000'1000, 0x6);
  EXPECT_EQ(entry(1), 0x107U);
  look_up(LookupOperation::clear_bits, 0x8000'1000, 0x100);
  EXPECT_EQ(entry(1), 0x7U);
  look_up(LookupOperation::add, 0x8000'1fff, 3);
  EXPECT_EQ(entry(1), 0xaU);
  EXPECT_EQ(dram->bursts_out(0), before);
  look_up(LookupOperation::exchange, 0x8000'1000, 42);
  EXPECT_EQ(lookup.before, 0xaU);
  EXPECT_EQ(entry(1), 42U);
  EXPECT_EQ(dram->bursts_out(0), before + 1);
  EXPECT_EQ(entry(0), 0x100U);
  EXPECT_EQ(entry(2), 0x102U);
}

TEST_F(TableLookupTest, OutsideTheTableOrOutOfReachIsRefusedAndChangesNothing) {
  for (const Addr key : {Addr{0x7fff'ffff}, Addr{0x8020'0000}, ~Addr{0}}) {
    EXPECT_EQ(look_up(LookupOperation::exchange, key, 1).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  }
  table = 0x10000;
  EXPECT_EQ(look_up(LookupOperation::exchange, 0x8000'0000, 1).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(entry(0), 0U);
}

}  // namespace pagoda::kept_results_test
