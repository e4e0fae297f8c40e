// Walk caches and nested TLB: what they know after what they were taught.
#include "pagoda/mmu/walk_cache.h"

#include <gtest/gtest.h>

namespace pagoda::walk_cache_test {

constexpr Ps kCycle = 1000;

WalkerConfig three_levels() {
  return {.walk_caches = {{.level = 3, .entries = 2, .ways = 2, .latency = Latency::cycles(3)},
                          {.level = 1, .entries = 32, .ways = 4},
                          {.level = 2, .entries = 4, .ways = 4}},
          .nested_tlb = std::nullopt};
}

Stage stage_of(const char* format) { return {.format = find_page_format(format)}; }

Step lookup_of(Addr address, unsigned stage = 0, AccessKind access = AccessKind::read) {
  Step step{};
  step.kind = StepKind::lookup;
  step.stage = static_cast<std::uint8_t>(stage);
  step.access = access;
  step.address = address;
  return step;
}

// A table whose entries are of `level`, found on the way to `input`.
Learned table_for(Addr input, Addr table, unsigned level, unsigned stage = 0, Rights rights = kPermissions) {
  Learned learned{};
  learned.kind = Learned::Kind::table;
  learned.stage = static_cast<std::uint8_t>(stage);
  learned.input = input;
  learned.table = {table, static_cast<std::uint8_t>(level), rights};
  return learned;
}

Learned page_for(Addr input, Addr page, unsigned shift, unsigned stage = 1, Rights rights = kPermissions | kFlags) {
  Learned learned{};
  learned.kind = Learned::Kind::translation;
  learned.stage = static_cast<std::uint8_t>(stage);
  learned.input = input;
  learned.translation.page = page;
  learned.translation.page_shift = static_cast<std::uint8_t>(shift);
  learned.translation.rights = rights;
  return learned;
}

// The table known for an address, or 0.
Addr table_at(WalkCaches& caches, const Stage& stage, Addr address, AddressSpaceTag tag = {}, unsigned number = 0) {
  const WalkCaches::Answer answer = caches.look(stage, lookup_of(address, number), tag, 0);
  const auto* pointer = std::get_if<TablePointer>(&answer.hint);
  return pointer == nullptr ? 0 : pointer->table;
}

TEST(WalkCaches, TheLowestTableKnownIsGiven) {
  const Stage stage = stage_of("x86-64-4");
  WalkCaches caches(three_levels(), kCycle);
  const Addr address = 0x7123'4567'8000;
  EXPECT_EQ(table_at(caches, stage, address), 0u);
  for (unsigned level = 3; level-- > 0;) {
    caches.keep(stage, table_for(address, 0x1000 * (level + 1), level, 0, Rights::read), {});
    const WalkCaches::Answer answer = caches.look(stage, lookup_of(address), {}, 0);
    const auto& pointer = std::get<TablePointer>(answer.hint);
    EXPECT_EQ(pointer.table, 0x1000 * (level + 1u));
    EXPECT_EQ(pointer.level, level);
    EXPECT_EQ(pointer.rights, Rights::read);
  }
  // What an entry of each level covers: 2 MiB, 1 GiB, 512 GiB.
  EXPECT_EQ(table_at(caches, stage, address ^ 0x1f'f000), 0x1000u);
  EXPECT_EQ(table_at(caches, stage, address ^ 0x20'0000), 0x2000u);
  EXPECT_EQ(table_at(caches, stage, address ^ 0x4000'0000), 0x3000u);
  EXPECT_EQ(table_at(caches, stage, address ^ 0x80'0000'0000), 0u);
}

TEST(WalkCaches, LevelsThatAFormatOrTheConfigurationDoesNotHaveAreLeftOut) {
  WalkCaches caches(three_levels(), kCycle);
  const Stage sv39 = stage_of("sv39");
  caches.keep(sv39, table_for(0x1000, 0x9000, 1), {});
  const WalkCaches::Answer answer = caches.look(sv39, lookup_of(0x1000), {}, 5'000);
  EXPECT_EQ(answer.done, 5'000 + kCycle) << "the slower cache of level 3 is not asked";
  EXPECT_EQ(std::get<TablePointer>(answer.hint).table, 0x9000u);

  WalkCaches one({.walk_caches = {{.level = 2, .entries = 4, .ways = 4}}, .nested_tlb = std::nullopt}, kCycle);
  const Stage stage = stage_of("x86-64-4");
  one.keep(stage, table_for(0x1000, 0x7000, 0), {});
  EXPECT_EQ(table_at(one, stage, 0x1000), 0u) << "nowhere to keep an entry of level 1";
}

TEST(WalkCaches, AllLevelsAreLookedUpAtOnceAndTheSlowestDecides) {
  const Stage stage = stage_of("x86-64-4");
  WalkCaches caches(three_levels(), kCycle);
  EXPECT_EQ(caches.look(stage, lookup_of(0x1000), {}, 10'000).done, 10'000 + 3 * kCycle);
  EXPECT_EQ(caches.look(stage, lookup_of(0x1000), {}, 10'000).done, 10'000 + 4 * kCycle) << "one port each";
  WalkCaches none({.walk_caches = {}, .nested_tlb = std::nullopt}, kCycle);
  EXPECT_EQ(none.look(stage, lookup_of(0x1000), {}, 10'000).done, 10'000u);
}

TEST(WalkCaches, SpacesAreKeptApart) {
  const Stage stage = stage_of("x86-64-4");
  WalkCaches caches(three_levels(), kCycle);
  const AddressSpaceTag tag{.asid = 1, .vmid = 1};
  caches.keep(stage, table_for(0x1000, 0x5000, 0), tag);
  EXPECT_EQ(table_at(caches, stage, 0x1000, tag), 0x5000u);
  EXPECT_EQ(table_at(caches, stage, 0x1000, {.asid = 2, .vmid = 1}), 0u);
  EXPECT_EQ(table_at(caches, stage, 0x1000, {.asid = 1, .vmid = 2}), 0u);
  EXPECT_EQ(table_at(caches, stage, 0x1000, tag, 1), 0u) << "another stage's addresses";

  // A later stage belongs to its machine, whatever the program; a global table to every program.
  caches.keep(stage, table_for(0x1000, 0x6000, 0, 1), tag);
  EXPECT_EQ(table_at(caches, stage, 0x1000, {.asid = 2, .vmid = 1}, 1), 0x6000u);
  EXPECT_EQ(table_at(caches, stage, 0x1000, {.asid = 1, .vmid = 2}, 1), 0u);
  caches.keep(stage, table_for(0x20'0000, 0x7000, 0, 0, kPermissions | Rights::global), tag);
  EXPECT_EQ(table_at(caches, stage, 0x20'0000, {.asid = 2, .vmid = 1}), 0x7000u);
}

TEST(WalkCaches, UpperLevelsGoWithEveryInvalidationOfTheirSpace) {
  const Stage stage = stage_of("x86-64-4");
  const AddressSpaceTag tag{.asid = 1, .vmid = 1};
  struct Case {
    TlbInvalidation what;
    bool program_left, machine_left;
  };
  // An address does not narrow it down: Intel SDM vol. 3A, 4.10.4.1.
  const std::vector<Case> cases{{{}, false, true},
                                {{.address = 0xdead'0000, .asid = 1}, false, true},
                                {{.asid = 2}, true, true},
                                {{.asid = 1}, false, true},
                                {{.vmid = 2, .later_stages = true}, true, true},
                                {{.vmid = 1, .later_stages = true}, false, false},
                                {{.later_stages = true}, false, false}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    WalkCaches caches(three_levels(), kCycle);
    caches.keep(stage, table_for(0x1000, 0x5000, 0), tag);
    caches.keep(stage, table_for(0x1000, 0x6000, 0, 1), tag);
    caches.invalidate(cases[i].what);
    EXPECT_EQ(table_at(caches, stage, 0x1000, tag) != 0, cases[i].program_left) << i;
    EXPECT_EQ(table_at(caches, stage, 0x1000, tag, 1) != 0, cases[i].machine_left) << i;
  }
}

TEST(WalkCaches, ALevelHoldsAsManyTablesAsItHasEntries) {
  const Stage stage = stage_of("x86-64-4");
  WalkCaches caches(three_levels(), kCycle);
  for (Addr i = 0; i < 5; ++i) caches.keep(stage, table_for(i << 30, 0x1000 * (i + 1), 1), {});
  EXPECT_EQ(table_at(caches, stage, 0), 0u) << "the least recently used of four";
  for (Addr i = 1; i < 5; ++i) EXPECT_EQ(table_at(caches, stage, i << 30), 0x1000 * (i + 1));
}

// --- Nested TLB ------------------------------------------------------------------------------------------------------

WalkerConfig nested_only() {
  return {.walk_caches = {}, .nested_tlb = AssocConfig{.entries = 16, .ways = 4, .latency = Latency::cycles(2)}};
}

std::optional<Addr> nested_output(WalkCaches& caches, Addr address, std::uint32_t vmid = 0, unsigned stage = 1,
                                  AccessKind access = AccessKind::read) {
  const Stage ept = stage_of("ept-4");
  const WalkCaches::Answer answer = caches.look(ept, lookup_of(address, stage, access), {.vmid = vmid}, 0);
  const auto* known = std::get_if<StageTranslation>(&answer.hint);
  if (known == nullptr) return {};
  return known->output(address);
}

TEST(NestedTlb, GivesALaterStagesPagesOfEverySize) {
  const Stage ept = stage_of("ept-4");
  WalkCaches caches(nested_only(), kCycle);
  EXPECT_FALSE(nested_output(caches, 0x1000));
  caches.keep(ept, page_for(0x1234, 0xa000, 12), {});
  caches.keep(ept, page_for(0x4035'1000, 0x8000'0000, 21), {});
  EXPECT_EQ(nested_output(caches, 0x1ff8), 0xaff8u);
  for (Addr offset = 0; offset < 1 << 21; offset += 0x1000) {
    ASSERT_EQ(nested_output(caches, 0x4020'0000 + offset), 0x8000'0000 + offset);
  }
  EXPECT_FALSE(nested_output(caches, 0x4040'0000));
  EXPECT_FALSE(nested_output(caches, 0x1ff8, 1)) << "another machine";
  EXPECT_FALSE(nested_output(caches, 0x1ff8, 0, 2)) << "another stage";
  caches.keep(ept, page_for(0x5000, 0xb000, 12, 0), {});
  EXPECT_FALSE(nested_output(caches, 0x5000, 0, 0)) << "stage 0 is the TLBs'";
  EXPECT_EQ(caches.look(ept, lookup_of(0x1000, 1), {}, 900'000).done, 900'000 + 2 * kCycle);
  EXPECT_EQ(caches.look(ept, lookup_of(0x1000, 0), {}, 900'000).done, 900'000u);
}

TEST(NestedTlb, WhatNeedsAFlagSetOrMoreRightsIsForMemoryToDecide) {
  const Stage ept = stage_of("ept-4");
  WalkCaches caches(nested_only(), kCycle);
  caches.keep(ept, page_for(0x1000, 0xa000, 12, 1, kPermissions | Rights::accessed), {});
  caches.keep(ept, page_for(0x2000, 0xb000, 12, 1, (kPermissions & ~Rights::write) | kFlags), {});
  caches.keep(ept, page_for(0x3000, 0xc000, 12, 1, kPermissions), {});
  caches.keep(ept, page_for(0x4000, 0xd000, 12, 1, kPermissions | kFlags), {});
  for (const Addr page : {Addr{0x1000}, Addr{0x2000}, Addr{0x4000}}) EXPECT_TRUE(nested_output(caches, page)) << page;
  EXPECT_FALSE(nested_output(caches, 0x3000)) << "not accessed yet";
  for (const Addr page : {Addr{0x1000}, Addr{0x2000}, Addr{0x3000}})
    EXPECT_FALSE(nested_output(caches, page, 0, 1, AccessKind::write)) << page;
  EXPECT_TRUE(nested_output(caches, 0x4000, 0, 1, AccessKind::write));
}

TEST(NestedTlb, OnlyMaintenanceOfLaterStagesReachesIt) {
  const Stage ept = stage_of("ept-4");
  WalkCaches caches(nested_only(), kCycle);
  caches.keep(ept, page_for(0x1000, 0xa000, 12), {.vmid = 1});
  caches.keep(ept, page_for(0x1000, 0xb000, 12), {.vmid = 2});
  caches.invalidate({});
  EXPECT_EQ(nested_output(caches, 0x1000, 1), 0xa000u);
  caches.invalidate({.vmid = 1, .later_stages = true});
  EXPECT_FALSE(nested_output(caches, 0x1000, 1));
  EXPECT_EQ(nested_output(caches, 0x1000, 2), 0xb000u);
  caches.invalidate({.later_stages = true});
  EXPECT_FALSE(nested_output(caches, 0x1000, 2));
}

TEST(NestedTlb, ANewerTranslationReplacesTheOld) {
  const Stage ept = stage_of("ept-4");
  WalkCaches caches(nested_only(), kCycle);
  caches.keep(ept, page_for(0x1000, 0xa000, 12, 1, kPermissions), {});
  caches.keep(ept, page_for(0x1000, 0xa000, 12, 1, kPermissions | kFlags), {});
  EXPECT_TRUE(nested_output(caches, 0x1000, 0, 1, AccessKind::write));
}

// What follows a miss need not be looked for; what follows something else that was kept must.
TEST(WalkCaches, ATableThatTwoWalksFindIsKeptOnce) {
  WalkCaches caches(three_levels(), kCycle);
  const Stage stage = stage_of("x86-64-4");
  const auto address = [](Addr i) { return i << 30; };
  for (Addr i = 0; i < 3; ++i) caches.keep(stage, table_for(address(i), 0x1000 * (i + 1), 1), {});
  EXPECT_EQ(table_at(caches, stage, address(3)), 0u);
  caches.keep(stage, table_for(address(3), 0x8000, 1), {});
  caches.keep(stage, table_for(address(3), 0x9000, 1), {});
  EXPECT_EQ(table_at(caches, stage, address(3)), 0x9000u);
  EXPECT_EQ(table_at(caches, stage, address(3), {.asid = 7}), 0u);
  caches.keep(stage, table_for(address(3), 0xa000, 1), {});
  EXPECT_EQ(table_at(caches, stage, address(3)), 0xa000u);
  for (Addr i = 0; i < 3; ++i) EXPECT_EQ(table_at(caches, stage, address(i)), 0x1000 * (i + 1)) << "four entries";
}

}  // namespace pagoda::walk_cache_test
