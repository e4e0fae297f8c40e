// Walk caches and nested TLBs on top of the walk: what it asks, what it learns, and that every legal hint leads to the
// result of the walk without hints.
#include <map>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/paging/page_table_editor.h"
#include "unit/paging/table_memory.h"

namespace pagoda::walk_hint_test {

using test::TableMemory;

// Caches everything it learns without bounds: tables by stage, level and input prefix, translations by stage and page.
class CachingMemory : public TableMemory {
 public:
  WalkHint lookup(const Step& step) {
    lookups.push_back(step);
    if (use_translations) {
      for (const auto& [key, translation] : translations_) {
        const auto& [stage, shift, page] = key;
        if (stage == step.stage && page == step.address >> shift) return translation;
      }
    }
    if (use_tables) {
      for (unsigned level = 0; level + 1 < kMaxLevels; ++level) {
        const auto found = tables_.find({step.stage, level, step.address >> PageFormat::shift(level + 1)});
        if (found != tables_.end()) return found->second;
      }
    }
    return {};
  }
  void learned(const Learned& learned) {
    if (learned.kind == Learned::Kind::table) {
      tables_[{learned.stage, learned.table.level, learned.input >> PageFormat::shift(learned.table.level + 1U)}] =
          learned.table;
    } else {
      const StageTranslation& translation = learned.translation;
      translations_[{learned.stage, translation.page_shift, learned.input >> translation.page_shift}] = translation;
    }
    ++learned_count[learned.kind];
  }

  bool use_tables = true;
  bool use_translations = true;
  std::vector<Step> lookups;
  std::map<Learned::Kind, unsigned> learned_count;

 private:
  using Key = std::tuple<unsigned, unsigned, Addr>;
  std::map<Key, TablePointer> tables_;
  std::map<Key, StageTranslation> translations_;
};

class Hints : public testing::Test {
 public:
  static constexpr Addr kVa = 0x7f12'3456'7000;
  static constexpr Rights kAll = kPermissions | kFlags;

  Hints() {
    for (const char* name : {"sv48", "sv48x4"}) {
      Stage stage = test::stage_of(name, 0);
      stage.controls.riscv.adue = true;
      stage.root = PageTableEditor::make_root(*stage.format, memory.store, frames).value();
      stages.push_back(stage);
    }
    PageTableEditor guest(stages[0], memory.store, frames);
    PageTableEditor host(stages[1], memory.store, frames);
    for (Addr page = 0; page < 4; ++page) {
      EXPECT_EQ(guest.map(kVa + page * 0x1000, {.output = kData + page * 0x1000, .rights = kAll}), EditStatus::ok);
      EXPECT_EQ(host.map(kData + page * 0x1000, {.output = 0x9'0000'0000 - page * 0x1000, .rights = kAll}),
                EditStatus::ok);
    }
    for (Addr frame = 0x10'0000; frame < 0x20'0000; frame += 0x1000) {
      EXPECT_EQ(host.map(frame, {.output = frame, .rights = kAll}), EditStatus::ok);
    }
  }
  bool run(Walk& walk) { return run_walk(walk, memory); }
  WalkRequest request(Addr offset, AccessKind access = AccessKind::read) {
    return {.address = kVa + offset, .access = access, .privilege = Privilege::user};
  }
  std::size_t reads_for(Addr offset) {
    const std::size_t before = memory.reads.size();
    Walk walk(stages, request(offset), Lookups::on);
    EXPECT_TRUE(run(walk));
    EXPECT_EQ(walk.translation().output, 0x9'0000'0000 - (offset & ~0xfffULL) + (offset & 0xfff));
    return memory.reads.size() - before;
  }

  static constexpr Addr kData = 0x40'0000'0000;
  CachingMemory memory;
  BumpFrames frames{0x10'0000, 0x20'0000};
  std::vector<Stage> stages;
};

TEST_F(Hints, WithoutAnyAreAskedForEachStartOfAStage) {
  memory.use_tables = memory.use_translations = false;
  EXPECT_EQ(reads_for(0x10), 24U);
  // Stage 0 once, stage 1 for each of its four entries and for the data.
  ASSERT_EQ(memory.lookups.size(), 6U);
  EXPECT_EQ(memory.lookups[0].stage, 0);
  EXPECT_EQ(memory.lookups[0].address, kVa + 0x10);
  EXPECT_EQ(memory.lookups[0].table, TableAccess::none);
  for (unsigned i = 1; i < 5; ++i) {
    EXPECT_EQ(memory.lookups[i].stage, 1);
    EXPECT_EQ(memory.lookups[i].table, TableAccess::read);
  }
  EXPECT_EQ(memory.lookups[5].address, kData + 0x10);
  EXPECT_EQ(memory.lookups[5].table, TableAccess::none);
  // Three pointers and one leaf for each walk of a stage.
  EXPECT_EQ(memory.learned_count[Learned::Kind::table], 18U);
  EXPECT_EQ(memory.learned_count[Learned::Kind::translation], 6U);
}

TEST_F(Hints, OfANestedTlbLeaveOnlyTheGuestsEntries) {
  memory.use_tables = false;
  memory.use_translations = true;
  reads_for(0x10);
  // Stage 0's page is known, and stage 1's for it: nothing to read.
  EXPECT_EQ(reads_for(0x18), 0U);
  // Another guest page: its 4 entries, whose pages the nested TLB knows, and 4 for the data page.
  EXPECT_EQ(reads_for(0x1010), 8U);
}

TEST_F(Hints, OfWalkCachesLeaveOnlyLastEntries) {
  memory.use_translations = false;
  reads_for(0x10);
  // One entry of stage 0, one of stage 1 for it, one of stage 1 for the data.
  EXPECT_EQ(reads_for(0x1010), 3U);
}

TEST_F(Hints, OfBothLeaveTwo) {
  reads_for(0x10);
  EXPECT_EQ(reads_for(0x1010), 2U);
}

TEST_F(Hints, ATranslationThatLacksAFlagIsNotUsed) {
  memory.use_tables = false;
  PageTableEditor guest(stages[0], memory.store, frames);
  const MappedPage page = guest.find(kVa).value();
  memory.store.write(page.leaf_address, page.leaf & ~0x80ULL);  // clean
  reads_for(0);
  const std::size_t before = memory.reads.size();
  Walk walk(stages, request(0, AccessKind::write), Lookups::on);
  ASSERT_TRUE(run(walk));
  EXPECT_EQ(memory.reads.size() - before, 4U);  // stage 0 again
  ASSERT_EQ(memory.updates.size(), 1U);
  EXPECT_EQ(memory.updates[0].desired, page.leaf);
  // Now the learned translation is dirty and a second store needs nothing.
  const std::size_t after = memory.reads.size();
  Walk again(stages, request(8, AccessKind::write), Lookups::on);
  ASSERT_TRUE(run(again));
  EXPECT_EQ(memory.reads.size(), after);
}

TEST_F(Hints, ATranslationThatRefusesTheAccessFaultsWithItsLeaf) {
  reads_for(0);
  Walk walk(stages, {.address = kVa, .privilege = Privilege::supervisor}, Lookups::on);
  EXPECT_FALSE(run(walk));
  EXPECT_EQ(walk.fault().cause, FaultCause::permission);
  EXPECT_EQ(walk.fault().stage, 0);
  PageTableEditor guest(stages[0], memory.store, frames);
  EXPECT_EQ(walk.fault().entry_address, guest.find(kVa)->leaf_address);
}

TEST(Hint, CarriesTheRightsOfTheTablesAbove) {
  // x86-64: the page-directory pointer allows only supervisor reads, the entries below allow everything.
  TableMemory memory;
  test::fill(memory.store, {{0x3000, 0x4027}, {0x4000, 0x9067}});
  const Stage stage = test::stage_of("x86-64-4", 0x1000);
  for (const bool narrow : {false, true}) {
    const Rights rights = narrow ? kPermissions & ~(Rights::user | Rights::write) : kPermissions;
    Walk walk({&stage, 1}, {.address = 0x10, .privilege = Privilege::user}, Lookups::on);
    ASSERT_EQ(walk.step().kind, StepKind::lookup);
    walk.continue_at({.table = 0x3000, .level = 1, .rights = rights});
    EXPECT_EQ(run_walk(walk, memory), !narrow);
  }
}

TEST(Hint, ReportsWhatATableEntryGrantsSoFar) {
  TableMemory memory;
  test::fill(memory.store, {{0x1000, 0x2023}, {0x2000, 0x3027}, {0x3000, 0x4027}, {0x4000, 0x9067}});
  const Stage stage = test::stage_of("x86-64-4", 0x1000);
  Walk walk({&stage, 1}, {.address = 0x10}, Lookups::on);
  walk.miss();
  walk.supply(0x2023);
  EXPECT_EQ(walk.learned().kind, Learned::Kind::table);
  EXPECT_EQ(walk.learned().table.table, 0x2000U);
  EXPECT_EQ(walk.learned().table.level, 2);
  EXPECT_FALSE(has(walk.learned().table.rights, Rights::user));
  walk.supply(0x3027);
  EXPECT_EQ(walk.learned().table.level, 1);
  EXPECT_FALSE(has(walk.learned().table.rights, Rights::user));
  EXPECT_TRUE(has(walk.learned().table.rights, Rights::write));
  walk.supply(0x4027);
  walk.supply(0x9067);
  EXPECT_EQ(walk.learned().kind, Learned::Kind::translation);
  EXPECT_EQ(walk.learned().translation.page, 0x9000U);
  EXPECT_FALSE(has(walk.learned().translation.rights, Rights::user));
}

}  // namespace pagoda::walk_hint_test
