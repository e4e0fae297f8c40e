// Each kind of fault with all that its owner needs to know, accessed and dirty updates in nested stages, and entries
// that change between being read and being updated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/paging/table_memory.h"

namespace pagoda::walk_fault_test {

using test::rv;
using test::TableMemory;

constexpr std::uint64_t kPointer = 0x01;
constexpr std::uint64_t kUserPage = 0xdf;  // D A U X W R V

// Sv39 over Sv39x4 by hand. The guest's root lies at guest-physical 0x1000, its other tables at 0x2000 and 0x3000; the
// second stage maps each guest page g to 0x80'0000 + g with 4 KiB pages. Guest page 0x4000 is data.
class TwoStages : public testing::Test {
 public:
  static constexpr Addr kVa = 0x1'2345'6789;  // vpn[2] 4, vpn[1] 0x11a, vpn[0] 0x56
  static constexpr Addr kGuestRoot = 0x1000;
  static constexpr Addr kHost = 0x80'0000;

  TwoStages() {
    guest().controls.riscv.adue = true;
    host().controls.riscv.adue = true;
    test::fill(memory.store, {{host_entry(2), rv(0x5'0000, kPointer)}, {host_entry(1), rv(0x6'0000, kPointer)}});
    for (Addr page = 0; page < 8; ++page) host_leaf(page, kUserPage);
    test::fill(memory.store, {{guest_entry(2), rv(0x2000, kPointer)},
                              {guest_entry(1), rv(0x3000, kPointer)},
                              {guest_entry(0), rv(0x4000, kUserPage)}});
  }
  Stage& guest() { return stages[0]; }
  Stage& host() { return stages[1]; }
  // Guest physical addresses of the guest's entries.
  static Addr guest_entry_gpa(unsigned level) {
    constexpr std::array<Addr, 3> kTables{0x3000, 0x2000, kGuestRoot};
    constexpr std::array<Addr, 3> kIndices{0x56, 0x11a, 4};
    return kTables.at(level) + kIndices.at(level) * 8;
  }
  static Addr guest_entry(unsigned level) { return kHost + guest_entry_gpa(level); }
  static Addr host_entry(unsigned level, Addr page = 0) {
    constexpr std::array<Addr, 3> kTables{0x6'0000, 0x5'0000, 0x4'0000};
    return kTables.at(level) + (level == 0 ? page * 8 : 0);
  }
  void host_leaf(Addr page, std::uint64_t bits) {
    memory.store.write(host_entry(0, page), rv(kHost + page * 0x1000, bits));
  }
  Fault fault(WalkRequest request = {.address = kVa, .privilege = Privilege::user}) {
    Walk walk(stages, request);
    EXPECT_FALSE(run_walk(walk, memory));
    return walk.fault();
  }

  std::array<Stage, 2> stages{test::stage_of("sv39", kGuestRoot), test::stage_of("sv39x4", 0x4'0000)};
  TableMemory memory;
};

TEST_F(TwoStages, TranslateAsLaidOut) {
  Walk walk(stages, {.address = kVa, .access = AccessKind::write, .privilege = Privilege::user});
  ASSERT_TRUE(run_walk(walk, memory));
  EXPECT_EQ(walk.translation().output, kHost + 0x4789);
  EXPECT_EQ(memory.reads.size(), 15U);
  EXPECT_TRUE(memory.updates.empty());
  const Translation& translation = walk.translation();
  EXPECT_EQ(translation.stages[0].leaf, rv(0x4000, kUserPage));
  EXPECT_EQ(translation.stages[0].leaf_address, guest_entry(0));
  EXPECT_EQ(translation.stages[1].leaf_address, host_entry(0, 4));
  EXPECT_EQ(walk.stage_input(1), 0x4789U);
}

TEST_F(TwoStages, FaultOfTheFirstStageNamesEntryAndAddress) {
  for (unsigned level = 0; level < 3; ++level) {
    const std::uint64_t entry = memory.store.read(guest_entry(level));
    memory.store.write(guest_entry(level), 0);
    const Fault found = fault();
    memory.store.write(guest_entry(level), entry);
    EXPECT_EQ(found.cause, FaultCause::not_present);
    EXPECT_EQ(found.stage, 0);
    EXPECT_EQ(found.level, level);
    EXPECT_EQ(found.table, TableAccess::none);
    EXPECT_EQ(found.virtual_address, kVa);
    EXPECT_EQ(found.stage_address, kVa);
    EXPECT_EQ(found.entry_address, guest_entry(level));
  }
}

TEST_F(TwoStages, FaultOfTheSecondStageOnATableEntryIsAnImplicitRead) {
  // The pages of the guest's tables, one after the other.
  for (const auto& [page, owner_level] : {std::pair{1, 2}, {2, 1}, {3, 0}}) {
    const auto number = static_cast<Addr>(page);
    host_leaf(number, 0);
    const Fault found = fault({.address = kVa, .access = AccessKind::write, .privilege = Privilege::user});
    EXPECT_EQ(found.cause, FaultCause::not_present);
    EXPECT_EQ(found.stage, 1);
    EXPECT_EQ(found.level, 0);
    EXPECT_EQ(found.table, TableAccess::read);
    EXPECT_EQ(found.table_stage, 0);
    EXPECT_EQ(found.access, AccessKind::write);
    EXPECT_EQ(found.virtual_address, kVa);
    EXPECT_EQ(found.stage_address, guest_entry_gpa(static_cast<unsigned>(owner_level)));
    EXPECT_EQ(found.entry_address, host_entry(0, number));
    host_leaf(number, kUserPage);
  }
}

TEST_F(TwoStages, FaultOfTheSecondStageOnTheDataIsExplicit) {
  host_leaf(4, 0xd3);  // read only
  const Fault found = fault({.address = kVa, .access = AccessKind::write, .privilege = Privilege::user});
  EXPECT_EQ(found.cause, FaultCause::permission);
  EXPECT_EQ(found.stage, 1);
  EXPECT_EQ(found.table, TableAccess::none);
  EXPECT_EQ(found.stage_address, 0x4789U);
  EXPECT_TRUE(has(static_cast<Rights>(found.granted), Rights::read | Rights::user));
  EXPECT_FALSE(has(static_cast<Rights>(found.granted), Rights::write));
}

TEST_F(TwoStages, AnUpdateNeedsWritePermissionAndDirtyInTheSecondStage) {
  memory.store.write(guest_entry(0), rv(0x4000, kUserPage & ~0x40U));  // not accessed yet
  host_leaf(3, 0xdf & ~0x80U);                                         // the table's page is writable but clean
  Walk walk(stages, {.address = kVa, .privilege = Privilege::user});
  ASSERT_TRUE(run_walk(walk, memory));
  ASSERT_EQ(memory.updates.size(), 2U);
  EXPECT_EQ(memory.updates[0].stage, 1);
  EXPECT_EQ(memory.updates[0].table, TableAccess::write);
  EXPECT_EQ(memory.updates[0].address, host_entry(0, 3));
  EXPECT_EQ(memory.updates[0].desired, memory.updates[0].expected | 0x80);
  EXPECT_EQ(memory.updates[1].stage, 0);
  EXPECT_EQ(memory.updates[1].address, guest_entry(0));
  EXPECT_EQ(memory.updates[1].desired, memory.updates[1].expected | 0x40);
  // The second stage was walked once more, for permission only.
  std::size_t for_update = 0;
  for (const Step& step : memory.reads) for_update += step.for_update ? 1 : 0;
  EXPECT_EQ(for_update, 3U);
  EXPECT_EQ(memory.reads.size(), 15U + 3U);
}

TEST_F(TwoStages, AnUpdateOfAWritableDirtyPageCostsNoSecondWalk) {
  memory.store.write(guest_entry(0), rv(0x4000, kUserPage & ~0xc0U));
  Walk walk(stages, {.address = kVa, .access = AccessKind::write, .privilege = Privilege::user});
  ASSERT_TRUE(run_walk(walk, memory));
  EXPECT_EQ(memory.reads.size(), 15U);
  ASSERT_EQ(memory.updates.size(), 1U);
  EXPECT_EQ(memory.updates[0].desired, rv(0x4000, kUserPage));
}

TEST_F(TwoStages, AnUpdateTheSecondStageRefusesIsAnImplicitWriteFault) {
  memory.store.write(guest_entry(0), rv(0x4000, kUserPage & ~0x40U));
  host_leaf(3, 0x53);  // read only
  const Fault found = fault();
  EXPECT_EQ(found.cause, FaultCause::permission);
  EXPECT_EQ(found.stage, 1);
  EXPECT_EQ(found.table, TableAccess::write);
  EXPECT_EQ(found.access, AccessKind::read);
  EXPECT_EQ(found.stage_address, guest_entry_gpa(0));
  EXPECT_EQ(memory.store.read(guest_entry(0)), rv(0x4000, kUserPage & ~0x40U));
}

TEST_F(TwoStages, RefusedMemoryIsReportedWhereItHappened) {
  for (const FaultCause cause : {FaultCause::access_error, FaultCause::poison}) {
    Walk walk(stages, {.address = kVa, .privilege = Privilege::user});
    while (walk.step().stage != 0) walk.supply(memory.read(walk.step()).value);
    walk.fail(cause);
    ASSERT_EQ(walk.step().kind, StepKind::fault);
    EXPECT_EQ(walk.fault().cause, cause);
    EXPECT_EQ(walk.fault().stage, 0);
    EXPECT_EQ(walk.fault().level, 2);
    EXPECT_EQ(walk.fault().entry_address, guest_entry(2));
  }
}

// --- one stage -------------------------------------------------------------------------------------------------------

class OneStage : public testing::Test {
 public:
  static constexpr Addr kLeaf = 0x3000 + 5 * 8;
  OneStage() {
    test::fill(memory.store, {{0x1000, rv(0x2000, kPointer)}, {0x2000, rv(0x3000, kPointer)}});
    stage.controls.riscv.adue = true;
  }
  FaultCause cause(std::uint64_t leaf, AccessKind access = AccessKind::read) {
    memory.store.write(kLeaf, leaf);
    Walk walk({&stage, 1}, {.address = 0x5000, .access = access, .privilege = Privilege::user});
    if (run_walk(walk, memory)) return FaultCause::none;
    EXPECT_EQ(walk.fault().entry_address, walk.fault().level == 0 ? kLeaf : walk.fault().entry_address);
    return walk.fault().cause;
  }
  Stage stage = test::stage_of("sv39", 0x1000);
  TableMemory memory;
};

TEST_F(OneStage, EveryCause) {
  EXPECT_EQ(cause(rv(0x9000, kUserPage)), FaultCause::none);
  EXPECT_EQ(cause(0), FaultCause::not_present);
  EXPECT_EQ(cause(rv(0x9000, 0xdd)), FaultCause::reserved_bits);  // W without R
  EXPECT_EQ(cause(rv(0x9000, kPointer)), FaultCause::reserved_bits);
  EXPECT_EQ(cause(rv(0x9000, kUserPage) | 1ULL << 54), FaultCause::reserved_bits);
  EXPECT_EQ(cause(rv(0x9000, kUserPage & ~0x10U)), FaultCause::permission);
  stage.controls.riscv.adue = false;
  EXPECT_EQ(cause(rv(0x9000, kUserPage & ~0x40U)), FaultCause::access_flag);
  EXPECT_EQ(cause(rv(0x9000, kUserPage & ~0x80U)), FaultCause::none);
  EXPECT_EQ(cause(rv(0x9000, kUserPage & ~0x80U), AccessKind::write), FaultCause::dirty_flag);
  memory.store.write(0x2000, rv(0x1000, kUserPage));
  EXPECT_EQ(cause(0), FaultCause::misaligned_superpage);
  Walk walk({&stage, 1}, {.address = Addr{1} << 38});
  EXPECT_FALSE(run_walk(walk, memory));
  EXPECT_EQ(walk.fault().cause, FaultCause::non_canonical);
  EXPECT_EQ(walk.fault().stage_address, Addr{1} << 38);
  EXPECT_EQ(walk.fault().entry_address, 0U);
}

TEST_F(OneStage, SvnapotOnlyInItsOneDefinedForm) {
  const auto napot = [](std::uint64_t low_frame) { return rv(0x20'0000, kUserPage) | 1ULL << 63 | low_frame << 10; };
  EXPECT_EQ(cause(napot(8)), FaultCause::reserved_bits);  // not implemented
  stage.controls.riscv.svnapot = true;
  for (std::uint64_t low = 0; low < 16; ++low) {
    EXPECT_EQ(cause(napot(low)), low == 8 ? FaultCause::none : FaultCause::reserved_bits) << low;
  }
  // The low four frame bits come from the address, not from the entry.
  memory.store.write(kLeaf, napot(8));
  Walk walk({&stage, 1}, {.address = 0x5678, .privilege = Privilege::user});
  ASSERT_TRUE(run_walk(walk, memory));
  EXPECT_EQ(walk.translation().output, 0x20'5678U);
  EXPECT_EQ(walk.translation().page_shift, 16);
  // Not above the last level.
  memory.store.write(0x2000, rv(0x20'0000, kUserPage) | 1ULL << 63);
  EXPECT_EQ(cause(0), FaultCause::reserved_bits);
}

TEST_F(OneStage, SvpbmtAndSvrsw60t59bGateTheirBits) {
  const std::uint64_t leaf = rv(0x9000, kUserPage);
  for (std::uint64_t type = 0; type < 4; ++type) {
    EXPECT_EQ(cause(leaf | type << 61), type == 0 ? FaultCause::none : FaultCause::reserved_bits);
  }
  stage.controls.riscv.pbmte = true;
  constexpr std::array kTypes{MemoryType::platform, MemoryType::non_cacheable, MemoryType::io};
  for (std::uint64_t type = 0; type < 3; ++type) {
    memory.store.write(kLeaf, leaf | type << 61);
    Walk walk({&stage, 1}, {.address = 0x5000, .privilege = Privilege::user});
    ASSERT_TRUE(run_walk(walk, memory));
    EXPECT_EQ(walk.translation().memory_type, kTypes.at(type));
  }
  EXPECT_EQ(cause(leaf | 3ULL << 61), FaultCause::reserved_bits);
  EXPECT_EQ(cause(leaf | 1ULL << 59), FaultCause::reserved_bits);
  stage.controls.riscv.svrsw60t59b = true;
  EXPECT_EQ(cause(leaf | 3ULL << 59), FaultCause::none);
  EXPECT_EQ(cause(leaf | 1ULL << 58), FaultCause::reserved_bits);
  // Neither kind of bit is allowed in a pointer, except software's.
  memory.store.write(0x2000, rv(0x3000, kPointer) | 3ULL << 59);
  EXPECT_EQ(cause(leaf), FaultCause::none);
  memory.store.write(0x2000, rv(0x3000, kPointer) | 1ULL << 61);
  EXPECT_EQ(cause(leaf), FaultCause::reserved_bits);
}

// --- entries that change under the walk ------------------------------------------------------------------------------

// Answers the first update with "somebody else has written `racing` meanwhile".
class RacingMemory : public TableMemory {
 public:
  explicit RacingMemory(std::uint64_t racing) : racing_(racing) {}
  EntryUpdate update(const Step& step) {
    if (!raced_) store.write(step.address, racing_);
    raced_ = true;
    return TableMemory::update(step);
  }

 private:
  std::uint64_t racing_;
  bool raced_ = false;
};

struct Race {
  std::uint64_t racing;
  FaultCause cause;
  Addr output;
  std::uint64_t left;  // in memory afterwards
  std::size_t updates;
};

class Races : public testing::TestWithParam<Race> {};

INSTANTIATE_TEST_SUITE_P(
    OfTheLeaf, Races,
    testing::Values(
        // Somebody set the flag: nothing left to do.
        Race{rv(0x9000, 0xdf), FaultCause::none, 0x9018, rv(0x9000, 0xdf), 1},
        // Accessed but clean: the walk tries again with the new value.
        Race{rv(0x9000, 0x5f), FaultCause::none, 0x9018, rv(0x9000, 0xdf), 2},
        // Remapped, neither accessed nor dirty: the new frame counts.
        Race{rv(0xa000, 0x1f), FaultCause::none, 0xa018, rv(0xa000, 0xdf), 2},
        // Unmapped, write-protected, turned into nonsense: the fault of the new value, and memory stays as it is.
        Race{0, FaultCause::not_present, 0, 0, 1},
        Race{rv(0x9000, 0xdb), FaultCause::permission, 0, rv(0x9000, 0xdb), 1},
        Race{rv(0x9000, 0xdf) | 1ULL << 54, FaultCause::reserved_bits, 0, rv(0x9000, 0xdf) | 1ULL << 54, 1}));

TEST_P(Races, AreDecidedByTheValueNowInMemory) {
  const Race& race = GetParam();
  RacingMemory memory(race.racing);
  test::fill(memory.store,
             {{0x1000, rv(0x2000, kPointer)}, {0x2000, rv(0x3000, kPointer)}, {0x3028, rv(0x9000, 0x1f)}});
  Stage stage = test::stage_of("sv39", 0x1000);
  stage.controls.riscv.adue = true;
  Walk walk({&stage, 1}, {.address = 0x5018, .access = AccessKind::write, .privilege = Privilege::user});
  const bool done = run_walk(walk, memory);
  EXPECT_EQ(done ? walk.translation().output : 0, race.output);
  EXPECT_EQ(done ? FaultCause::none : walk.fault().cause, race.cause);
  EXPECT_EQ(memory.store.read(0x3028), race.left);
  EXPECT_EQ(memory.updates.size(), race.updates);
}

TEST(Races, OfATableEntryMoveTheWalkToTheNewTable) {
  // x86-64 sets A in table entries too; here the entry is turned towards another table while that happens.
  RacingMemory memory(0x7003);
  test::fill(
      memory.store,
      {{0x1000, 0x2023}, {0x2000, 0x3003}, {0x3000, 0x4023}, {0x4000, 0x9063}, {0x7000, 0x8023}, {0x8000, 0xb063}});
  const Stage stage = test::stage_of("x86-64-4", 0x1000);
  Walk walk({&stage, 1}, {.address = 0x18});
  ASSERT_TRUE(run_walk(walk, memory));
  EXPECT_EQ(walk.translation().output, 0xb018U);
  EXPECT_EQ(memory.store.read(0x2000), 0x7023U);
  EXPECT_EQ(memory.store.read(0x3000), 0x4023U);
}

TEST(Walk, CanWaitAtAnyStepAndBeCopied) {
  TableMemory memory;
  test::fill(memory.store,
             {{0x1000, rv(0x2000, kPointer)}, {0x2000, rv(0x3000, kPointer)}, {0x3000, rv(0x9000, 0xdf)}});
  const Stage stage = test::stage_of("sv39", 0x1000);
  Walk first({&stage, 1}, {.address = 0x123, .privilege = Privilege::user});
  first.supply(memory.read(first.step()).value);
  Walk second = first;
  ASSERT_TRUE(run_walk(first, memory));
  ASSERT_TRUE(run_walk(second, memory));
  EXPECT_EQ(first.translation().output, 0x9123U);
  EXPECT_EQ(second.translation().output, 0x9123U);
  EXPECT_EQ(memory.reads.size(), 5U);
}

}  // namespace pagoda::walk_fault_test
