// The walker over tables in a fake memory of fixed latency: slots, waits, reads, flags, faults.
#include "pagoda/mmu/walker.h"

#include <vector>

#include <gtest/gtest.h>

#include "pagoda/paging/page_table_editor.h"

namespace pagoda::walker_test {

constexpr Ps kRead = 40'000;
constexpr Ps kCycle = 1000;
constexpr Rights kPage = kPermissions | kFlags;

// Answers every access after the same time; logs when each came.
class FakeTables : public TableMemory {
 public:
  Answer read(Addr address, Ps at) override {
    reads.push_back({address, at});
    if (address == refuses) return {.done = at + kRead, .refused = FaultCause::access_error};
    return {.done = at + kRead, .value = store.read(address)};
  }
  Answer compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) override {
    swaps.push_back({address, at});
    if (meanwhile != 0) store.write(address, std::exchange(meanwhile, 0));
    Answer answer{.done = at + kRead, .value = desired};
    std::uint64_t current = expected;
    answer.swapped = store.compare_and_swap(address, current, desired);
    if (!answer.swapped) answer.value = current;
    return answer;
  }

  struct At {
    Addr address;
    Ps time;
  };
  SparseStore store;
  std::vector<At> reads, swaps;
  Addr refuses = ~Addr{0};
  std::uint64_t meanwhile = 0;  // what another processor writes just before the next swap
};

WalkerConfig bare(std::uint32_t slots) { return {.slots = slots, .walk_caches = {}, .nested_tlb = std::nullopt}; }

struct WalkerTest : ::testing::Test {
  Stage& add_stage(const char* format) {
    stages.push_back({.format = find_page_format(format)});
    stages.back().root = *PageTableEditor::make_root(*stages.back().format, tables.store, frames);
    return stages.back();
  }
  void map(const Stage& stage, Addr input, Addr output, unsigned shift = 12, Rights rights = kPage) {
    ASSERT_EQ(PageTableEditor(stage, tables.store, frames)
                  .map(input, {.output = output, .page_shift = shift, .rights = rights}),
              EditStatus::ok);
  }
  WalkJob job(Addr address, Ps at, AccessKind access = AccessKind::read) const {
    return {.stages = stages,
            .tag = {.asid = 3, .vmid = 4},
            .request = {.address = address, .access = access, .privilege = Privilege::user},
            .at = at};
  }
  static double stat(Walker& walker, const char* path) {
    StatNode node;
    StatReader reader(node);
    walker.visit_stats(reader);
    return node.number(path);
  }

  FakeTables tables;
  BumpFrames frames{0x10000, 0x4000000};
  std::vector<Stage> stages;
};

TEST_F(WalkerTest, ReadsAreAChain) {
  map(add_stage("x86-64-4"), 0x7000, 0x1234000);
  Walker walker(bare(2), kCycle);
  const WalkResult result = walker.walk(job(0x7123, 5'500), tables);
  ASSERT_FALSE(result.fault);
  EXPECT_EQ(result.start, 5'500u);
  EXPECT_EQ(result.done, 5'500 + 4 * kRead);
  ASSERT_EQ(tables.reads.size(), 4u);
  for (Ps i = 0; i < 4; ++i) EXPECT_EQ(tables.reads[i].time, 5'500 + i * kRead);
  EXPECT_EQ(tables.reads[0].address, stages[0].root);
  EXPECT_EQ(result.entry.output(0x7123), 0x1234123u);
  EXPECT_EQ(result.entry.ready, result.done);
  EXPECT_EQ(result.entry.tag.asid, 3u);
  EXPECT_EQ(result.entry.tag.vmid, 4u);
  EXPECT_EQ(result.entry.page_shift, 12u);
  EXPECT_TRUE(tables.swaps.empty());
}

// N misses at once with k slots: walk i waits for floor(i / k) walks.
TEST_F(WalkerTest, WalksBeyondTheSlotsWaitInTurn) {
  const Stage stage = add_stage("sv39");
  for (Addr page = 1; page <= 12; ++page) map(stage, page << 12, page << 20);
  constexpr Ps kWalk = 3 * kRead;
  for (const std::uint32_t slots : {1u, 2u, 4u, 12u}) {
    Walker walker(bare(slots), kCycle);
    Ps waited = 0;
    for (Addr i = 0; i < 12; ++i) {
      const WalkResult result = walker.walk(job((i + 1) << 12, 1'000), tables);
      EXPECT_EQ(result.start, 1'000 + i / slots * kWalk) << i << " of " << slots;
      EXPECT_EQ(result.done, result.start + kWalk);
      waited += i / slots * kWalk;
    }
    EXPECT_EQ(stat(walker, "walks"), 12);
    EXPECT_EQ(stat(walker, "table_reads"), 36);
    EXPECT_EQ(stat(walker, "reads_per_walk"), 3);
    EXPECT_EQ(walker.walk(job(0x1000, 100'000'000), tables).start, 100'000'000u) << "all are free again";
    EXPECT_EQ(stat(walker, "slot_wait"), to_ns(waited));
    EXPECT_EQ(stat(walker, "latency.count"), 13);
    EXPECT_EQ(stat(walker, "latency.min"), to_ns(kWalk)) << "from its slot, without the wait";
    EXPECT_EQ(stat(walker, "latency.max"), to_ns(kWalk));
  }
}

TEST_F(WalkerTest, ALateCallerWithAnEarlierTimeTakesAFreeSlotInThePast) {
  const Stage stage = add_stage("sv39");
  map(stage, 0x1000, 0x100000);
  Walker walker(bare(1), kCycle);
  EXPECT_EQ(walker.walk(job(0x1000, 1'000'000), tables).start, 1'000'000u);
  EXPECT_EQ(walker.walk(job(0x1000, 500'000), tables).start, 500'000u);
  EXPECT_EQ(walker.walk(job(0x1000, 950'000), tables).start, 1'000'000 + 3 * kRead) << "no room before the first";
}

TEST_F(WalkerTest, AccessedAndDirtyAreSetByOneUpdateEach) {
  map(add_stage("x86-64-4"), 0x7000, 0x1234000, 12, kPermissions);
  Walker walker(bare(1), kCycle);
  PageTableEditor editor(stages[0], tables.store, frames);
  EXPECT_EQ(walker.walk(job(0x7000, 0), tables).done, 5 * kRead)
      << "four reads and the leaf's flag: tables have theirs";
  const std::size_t first = tables.swaps.size();
  EXPECT_EQ(first, 1u);
  EXPECT_EQ(stat(walker, "updates"), 1);
  EXPECT_EQ(tables.swaps.back().address, editor.find(0x7000)->leaf_address);
  EXPECT_EQ(editor.find(0x7000)->rights & kFlags, Rights::accessed);

  const WalkResult write = walker.walk(job(0x7000, 1'000'000, AccessKind::write), tables);
  EXPECT_EQ(write.done, 1'000'000 + 4 * kRead + kRead) << "four reads and the dirty flag";
  EXPECT_EQ(tables.swaps.size(), first + 1);
  EXPECT_EQ(editor.find(0x7000)->rights & kFlags, kFlags);
  EXPECT_TRUE(has(write.entry.rights[0], kFlags));
  EXPECT_EQ(walker.walk(job(0x7000, 2'000'000, AccessKind::write), tables).done, 2'000'000 + 4 * kRead);
}

TEST_F(WalkerTest, AnUpdateThatLostARaceIsDecidedAnew) {
  map(add_stage("x86-64-4"), 0x7000, 0x1234000, 12, kPermissions | Rights::accessed);
  PageTableEditor editor(stages[0], tables.store, frames);
  const MappedPage page = *editor.find(0x7000);
  Walker walker(bare(1), kCycle);
  tables.meanwhile = (page.leaf & ~std::uint64_t{0x1234000}) | 0x5678000;  // another frame
  const WalkResult moved = walker.walk(job(0x7000, 0, AccessKind::write), tables);
  ASSERT_FALSE(moved.fault);
  EXPECT_EQ(moved.entry.output(0x7010), 0x5678010u);
  EXPECT_EQ(tables.swaps.size(), 2u);
  EXPECT_EQ(editor.find(0x7000)->rights & kFlags, kFlags);

  map(stages[0], 0x8000, 0x1234000, 12, kPermissions | Rights::accessed);
  tables.meanwhile = editor.find(0x8000)->leaf & ~std::uint64_t{1};  // gone: x86 bit 0, present
  EXPECT_EQ(walker.walk(job(0x8000, 1'000'000, AccessKind::write), tables).fault.cause, FaultCause::not_present);
}

TEST_F(WalkerTest, FaultsKeepTheTimeTheyTook) {
  map(add_stage("x86-64-4"), 0x7000, 0x1234000);
  Walker walker(bare(1), kCycle);
  const WalkResult missing = walker.walk(job(0x8000, 0), tables);
  EXPECT_EQ(missing.fault.cause, FaultCause::not_present);
  EXPECT_EQ(missing.fault.level, 0u);
  EXPECT_EQ(missing.fault.virtual_address, 0x8000u);
  EXPECT_EQ(missing.done, 4 * kRead);
  const WalkResult far = walker.walk(job(Addr{1} << 40, 0), tables);
  EXPECT_EQ(far.start, 4 * kRead) << "the only slot";
  EXPECT_EQ(far.done, 5 * kRead) << "the root says so";
  const WalkResult non_canonical = walker.walk(job(Addr{1} << 47, 0), tables);
  EXPECT_EQ(non_canonical.fault.cause, FaultCause::non_canonical);
  EXPECT_EQ(non_canonical.done, non_canonical.start) << "without a read";
  tables.refuses = stages[0].root;
  const WalkResult refused = walker.walk(job(0x7000, 1'000'000), tables);
  EXPECT_EQ(refused.fault.cause, FaultCause::access_error);
  EXPECT_EQ(refused.done, 1'000'000 + kRead);
  EXPECT_EQ(stat(walker, "faults"), 4);
  EXPECT_EQ(stat(walker, "walks"), 4);
}

TEST_F(WalkerTest, WalkCachesSaveReadsAndCostTheirLookUp) {
  WalkerConfig config = bare(1);
  config.walk_caches = {{.level = 1, .latency = Latency::cycles(2)}, {.level = 2, .entries = 4, .ways = 4}};
  const Stage stage = add_stage("x86-64-4");
  map(stage, 0x7000, 0x1234000);
  map(stage, 0x8000, 0x2234000);
  map(stage, 0x40'0000, 0x3234000);  // the next GiB's worth of 2 MiB: shares the level-2 entry
  Walker walker(config, kCycle);
  EXPECT_EQ(walker.walk(job(0x7000, 0), tables).done, 2 * kCycle + 4 * kRead);
  EXPECT_EQ(walker.walk(job(0x8000, 1'000'000), tables).done, 1'000'000 + 2 * kCycle + kRead);
  EXPECT_EQ(walker.walk(job(0x40'0000, 2'000'000), tables).done, 2'000'000 + 2 * kCycle + 2 * kRead);
  walker.invalidate({.asid = 3});
  EXPECT_EQ(walker.walk(job(0x8000, 3'000'000), tables).done, 3'000'000 + 2 * kCycle + 4 * kRead);
}

// Two stages of 4 levels: 24 reads cold (4 entries that each need 4 reads and their own, and 4 for the page).
TEST_F(WalkerTest, TheNestedTlbSavesTheLaterStagesReads) {
  add_stage("x86-64-4");
  const Stage ept = add_stage("ept-4");
  for (Addr page = 0; page < 0x400; ++page) map(ept, page << 12, page << 12);  // tables and pages, one to one
  map(stages[0], 0x7000, 0x200000);
  map(stages[0], 0x8000, 0x201000);
  const auto reads = [&](Walker& walker, Addr address, Ps at) {
    const std::size_t before = tables.reads.size();
    const WalkResult result = walker.walk(job(address, at), tables);
    EXPECT_FALSE(result.fault) << to_string(result.fault.cause);
    return tables.reads.size() - before;
  };
  Walker bare_walker(bare(1), kCycle);
  EXPECT_EQ(reads(bare_walker, 0x7000, 0), 24u);
  EXPECT_EQ(reads(bare_walker, 0x8000, 10'000'000), 24u);

  WalkerConfig config = bare(1);
  config.nested_tlb = AssocConfig{.entries = 32, .ways = 32};
  Walker walker(config, kCycle);
  EXPECT_EQ(reads(walker, 0x7000, 20'000'000), 24u);
  // The neighbour: four table pages known, 4 entries, and 4 reads for the page itself.
  EXPECT_EQ(reads(walker, 0x8000, 30'000'000), 8u);
  EXPECT_EQ(reads(walker, 0x8000, 40'000'000), 4u) << "its page is known too";
  walker.invalidate({.later_stages = true});
  EXPECT_EQ(reads(walker, 0x8000, 50'000'000), 24u);
}

TEST_F(WalkerTest, MergedMissesAreCountedApart) {
  Walker walker(bare(1), kCycle);
  walker.count_merged();
  walker.count_merged();
  EXPECT_EQ(stat(walker, "merged"), 2);
  EXPECT_EQ(stat(walker, "walks"), 0);
}

TEST_F(WalkerTest, AnEntryKnowsThePageAsTheProgramMappedIt) {
  add_stage("x86-64-4");
  const Stage ept = add_stage("ept-4");
  for (Addr page = 0; page < 0x400; ++page) map(ept, page << 12, page << 12);
  map(stages[0], 0x40'0000, 0x200000, 21);
  Walker walker(bare(1), kCycle);
  const WalkResult result = walker.walk(job(0x40'5000, 0), tables);
  ASSERT_FALSE(result.fault);
  EXPECT_EQ(result.entry.page_shift, 12u);
  EXPECT_EQ(result.entry.program_shift, 21u);
}

}  // namespace pagoda::walker_test
