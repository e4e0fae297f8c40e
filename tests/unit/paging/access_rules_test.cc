// The access rules of RISC-V and x86-64 as their manuals state them; the choice of memory type where no vectors say.
#include <gtest/gtest.h>

#include "unit/paging/table_memory.h"

namespace pagoda::access_rules_test {

using test::rv;
using test::TableMemory;

// --- RISC-V: "mstatus" SUM and MXR, "Hypervisor Virtual-Machine Load and Store Instructions" -------------------------

constexpr unsigned kR = 2, kW = 4, kX = 8, kU = 16;

struct RiscvCase {
  const char* rule;
  unsigned rights;
  RiscvControls controls;
  Privilege privilege;
  AccessKind access;
  bool allowed;
  bool hlvx = false;
};
std::ostream& operator<<(std::ostream& out, const RiscvCase& test) { return out << test.rule; }
class RiscvRights : public testing::TestWithParam<RiscvCase> {};

constexpr auto kUser = Privilege::user;
constexpr auto kSupervisor = Privilege::supervisor;
constexpr auto kLoad = AccessKind::read;
constexpr auto kStore = AccessKind::write;
constexpr auto kFetch = AccessKind::fetch;

INSTANTIATE_TEST_SUITE_P(
    Rules, RiscvRights,
    testing::Values(
        RiscvCase{"user load of a user page", kR | kU, {}, kUser, kLoad, true},
        RiscvCase{"user load of a supervisor page", kR, {}, kUser, kLoad, false},
        RiscvCase{"SUM does not help user mode", kR, {.sum = true}, kUser, kLoad, false},
        RiscvCase{"supervisor load of a user page, SUM clear", kR | kU, {}, kSupervisor, kLoad, false},
        RiscvCase{"supervisor load of a user page, SUM set", kR | kU, {.sum = true}, kSupervisor, kLoad, true},
        RiscvCase{"supervisor store to a user page, SUM clear", kR | kW | kU, {}, kSupervisor, kStore, false},
        RiscvCase{"supervisor store to a user page, SUM set", kR | kW | kU, {.sum = true}, kSupervisor, kStore, true},
        RiscvCase{"SUM does not grant writing", kR | kU, {.sum = true}, kSupervisor, kStore, false},
        RiscvCase{"supervisor never fetches from user pages", kR | kX | kU, {.sum = true}, kSupervisor, kFetch, false},
        RiscvCase{"supervisor fetch", kX, {}, kSupervisor, kFetch, true},
        RiscvCase{"load of an execute-only page, MXR clear", kX | kU, {}, kUser, kLoad, false},
        RiscvCase{"load of an execute-only page, MXR set", kX | kU, {.mxr = true}, kUser, kLoad, true},
        RiscvCase{"MXR does not make stores", kR | kX | kU, {.mxr = true}, kUser, kStore, false},
        RiscvCase{"MXR and SUM together", kX | kU, {.sum = true, .mxr = true}, kSupervisor, kLoad, true},
        RiscvCase{"MXR alone leaves user pages to SUM", kX | kU, {.mxr = true}, kSupervisor, kLoad, false},
        RiscvCase{"HLVX needs execute", kX | kU, {}, kUser, kLoad, true, true},
        RiscvCase{"HLVX: read does not replace execute", kR | kU, {}, kUser, kLoad, false, true},
        RiscvCase{"HLVX: MXR changes nothing", kR | kU, {.mxr = true}, kUser, kLoad, false, true}));

TEST_P(RiscvRights, AreAsTheManualSays) {
  const RiscvCase& test = GetParam();
  TableMemory memory;
  memory.store.write(0x1000, rv(0x4000'0000, test.rights | 0xc1));
  Stage stage = test::stage_of("sv39", 0x1000);
  stage.controls.riscv = test.controls;
  const WalkRequest request{
      .address = 0x10, .access = test.access, .privilege = test.privilege, .execute_to_read = test.hlvx};
  Walk walk({&stage, 1}, request);
  EXPECT_EQ(run_walk(walk, memory), test.allowed);
  if (!test.allowed) {
    EXPECT_EQ(walk.fault().cause, FaultCause::permission);
  }
  // A TLB that keeps the leaf's rights decides alike.
  const Rights rights = decode(*stage.format, stage.controls, 2, memory.store.read(0x1000)).rights;
  EXPECT_EQ(check_translation({&stage, 1}, {&rights, 1}, request) == FaultCause::none, test.allowed);
}

// Hypervisor extension, "Two-Stage Address Translation": G-stage checks are those of user mode; MXR of HS reaches both
// stages, HLVX too; the implicit accesses to first-stage tables are plain loads.
TEST(RiscvSecondStage, SeesUserAccessesAndPlainLoadsOfTables) {
  TableMemory memory;
  std::array<Stage, 2> stages{test::stage_of("sv39", 0x4000'1000), test::stage_of("sv39x4", 0x10'0000)};
  const Addr table_leaf = 0x10'0008;
  const Addr data_leaf = 0x10'0010;
  memory.store.write(table_leaf, rv(0x4000'0000, 0xc1 | kR | kW | kU));
  memory.store.write(data_leaf, rv(0x8000'0000, 0xc1 | kX | kU));
  memory.store.write(0x4000'1000, rv(0x8000'0000, 0xc1 | kX | kR));
  const auto translates = [&](bool hlvx) {
    Walk walk(stages, {.address = 0x10, .execute_to_read = hlvx});
    return run_walk(walk, memory);
  };
  EXPECT_FALSE(translates(false));  // the data page is execute-only in the second stage
  EXPECT_TRUE(translates(true));
  stages[0].controls.riscv.mxr = true;  // vsstatus.MXR: first stage only
  EXPECT_FALSE(translates(false));
  stages[1].controls.riscv.mxr = true;
  EXPECT_TRUE(translates(false));
  // An execute-only page cannot hold a first-stage table, whatever MXR and HLVX say.
  memory.store.write(table_leaf, rv(0x4000'0000, 0xc1 | kX | kU));
  EXPECT_FALSE(translates(false));
  EXPECT_FALSE(translates(true));
  memory.store.write(table_leaf, rv(0x4000'0000, 0xc1 | kR | kW | kU));
  memory.store.write(data_leaf, rv(0x8000'0000, 0xc1 | kX | kR));  // U clear
  EXPECT_FALSE(translates(false));
}

// --- AMD APM vol. 2, 15.25: x86-64 tables as a second stage ----------------------------------------------------------

TEST(AmdNestedPaging, TreatsGuestsAsUsersAndTableReadsAsWrites) {
  TableMemory memory;
  const std::array<Stage, 2> stages{test::stage_of("x86-64-4", 0x1000), test::stage_of("x86-64-4", 0x10'0000)};
  test::fill(memory.store, {{0x1000, 0x2023}, {0x2000, 0x3023}, {0x3000, 0x00e3}});  // guest 2 MiB page at 0
  test::fill(memory.store, {{0x10'0000, 0x11'0027}, {0x11'0000, 0x12'0027}, {0x12'0000, 0x00a7}});
  Walk walk(stages, {.address = 0x5010});
  ASSERT_TRUE(run_walk(walk, memory));
  EXPECT_EQ(memory.store.read(0x12'0000), 0x00e7U);  // dirty although only tables were read
  memory.store.write(0x12'0000, 0x00e3);             // supervisor page
  Walk supervisor(stages, {.address = 0x5010});
  ASSERT_FALSE(run_walk(supervisor, memory));
  EXPECT_EQ(supervisor.fault().stage, 1);
  memory.store.write(0x12'0000, 0x00e5);  // read-only: may hold no guest table
  Walk read_only(stages, {.address = 0x5010});
  ASSERT_FALSE(run_walk(read_only, memory));
  EXPECT_EQ(read_only.fault().table, TableAccess::read);
}

// --- page attributes -------------------------------------------------------------------------------------------------

// SDM vol. 3A 4.9.2 and table 11-12: PAT, PCD and PWT select an entry of IA32_PAT; PAT is bit 7 of a PTE and bit 12 of
// a larger page's entry.
TEST(X86Pat, IsSelectedByThreeBits) {
  using enum MemoryType;
  constexpr std::array kReset{write_back, write_through, uncached_minus, uncached};
  const PageFormat& format = *find_page_format("x86-64-4");
  for (unsigned index = 0; index < 8; ++index) {
    const std::uint64_t low = 1 | (index & 3U) << 3;
    EXPECT_EQ(decode(format, {}, 0, low | (index >> 2) << 7).memory_type, kReset.at(index & 3));
    EXPECT_EQ(decode(format, {}, 1, low | 1U << 7 | (index >> 2) << 12).memory_type, kReset.at(index & 3));
  }
  StageControls controls;
  controls.x86.pat = 0x05'01'04'06'00'07'04'06;
  EXPECT_EQ(decode(format, controls, 0, 1 | 3U << 3 | 1U << 7).memory_type, write_protected);
  EXPECT_EQ(decode(format, controls, 2, 1 | 2U << 3 | 1U << 7 | 1U << 12).memory_type, write_combining);
}

// Svpbmt: the first stage's type overrides the second's, which overrides the platform's.
TEST(RiscvTypes, OfTheFirstStageOverrideTheSecond) {
  using enum MemoryType;
  struct Case {
    std::uint64_t first, second;
    MemoryType type;
  };
  for (const Case& test : {Case{0, 0, platform}, Case{0, 1, non_cacheable}, Case{1, 0, non_cacheable},
                           Case{1, 2, non_cacheable}, Case{2, 1, io}}) {
    TableMemory memory;
    std::array<Stage, 2> stages{test::stage_of("sv39", 0x1000), test::stage_of("sv39x4", 0x10'0000)};
    stages[0].controls.riscv.pbmte = stages[1].controls.riscv.pbmte = true;
    memory.store.write(0x10'0000, rv(0, 0xdf) | test.second << 61);
    memory.store.write(0x1000, rv(0, 0xcf) | test.first << 61);
    Walk walk(stages, {.address = 0x10});
    ASSERT_TRUE(run_walk(walk, memory));
    EXPECT_EQ(walk.translation().memory_type, test.type);
  }
}

TEST(Rights, NarrowAndPrint) {
  const Rights path = kPermissions;
  const Rights table = Rights::read | Rights::write | kExecuteBoth | Rights::global | kFlags;
  const Rights leaf = Rights::read | Rights::user | Rights::execute | Rights::accessed;
  EXPECT_EQ(to_string(path), "rwxXu---");
  EXPECT_EQ(to_string(narrow(path, table)), "rwxX-adg");
  EXPECT_EQ(to_string(narrow(narrow(path, table), leaf)), "r-x--a-g");
}

TEST(CombinedRights, AreThoseEveryStageGrants) {
  TableMemory memory;
  std::array<Stage, 2> stages{test::stage_of("sv39", 0x1000), test::stage_of("sv39x4", 0x10'0000)};
  memory.store.write(0x10'0000, rv(0, 0xc1 | kR | kX | kU));
  memory.store.write(0x1000, rv(0, 0xc1 | kR | kW | 1U << 5));
  Walk walk(stages, {.address = 0x10});
  ASSERT_TRUE(run_walk(walk, memory));
  EXPECT_EQ(to_string(walk.translation().rights), "r----adg");
  EXPECT_TRUE(walk.translation().global());
}

}  // namespace pagoda::access_rules_test
