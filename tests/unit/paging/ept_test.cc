// EPT from the manual: Intel SDM vol. 3C, chapter 28 "VMX Support for Address Translation" (section numbers of the 2021
// editions, where 28.3 is EPT; titles are what stays between editions). No vectors exist for EPT.
#include <gtest/gtest.h>

#include "pagoda/paging/fault_encoding.h"
#include "unit/paging/table_memory.h"

namespace pagoda::ept_test {

using test::TableMemory;

constexpr std::uint64_t kRwx = 7;
constexpr std::uint64_t kWb = 6U << 3;
constexpr std::uint64_t kLarge = 1U << 7;

struct EntryCase {
  const char* section;
  unsigned level;
  std::uint64_t value;
  FaultCause cause;  // none: the entry is good
  EptControls controls{};
  std::uint8_t physical_bits = 46;
};

std::ostream& operator<<(std::ostream& out, const EntryCase& test) {
  return out << test.section << ", level " << test.level << ", entry " << std::hex << test.value;
}

class EptEntries : public testing::TestWithParam<EntryCase> {};

TEST_P(EptEntries, AreJudgedAsTheManualSays) {
  const EntryCase& test = GetParam();
  StageControls controls;
  controls.ept = test.controls;
  controls.physical_bits = test.physical_bits;
  const Entry entry = decode(*find_page_format("ept-5"), controls, test.level, test.value);
  EXPECT_EQ(entry.cause, test.cause);
  EXPECT_EQ(entry.kind == EntryKind::invalid, test.cause != FaultCause::none);
}

constexpr auto kGood = FaultCause::none;
constexpr auto kAbsent = FaultCause::not_present;
constexpr auto kMisconfigured = FaultCause::misconfiguration;
constexpr EptControls kNoExecuteOnly{.execute_only = false};
constexpr EptControls kMbe{.mode_based_execute = true};
constexpr EptControls kMbeNoExecuteOnly{.execute_only = false, .mode_based_execute = true};
constexpr EptControls kNoGigabyte{.gigabyte_pages = false};

// 28.3.2: an entry is present if any of bits 2:0 is 1, or bit 10 with mode-based execute control.
INSTANTIATE_TEST_SUITE_P(Presence, EptEntries,
                         testing::Values(EntryCase{"28.3.2", 0, 0, kAbsent},
                                         EntryCase{"28.3.2", 3, 0xffff'ffff'ffff'f8f8 & ~0x400ULL, kAbsent},
                                         EntryCase{"28.3.2", 0, 0x400 | kWb, kAbsent},
                                         EntryCase{"28.3.2", 0, 0x400 | kWb, kGood, kMbe},
                                         EntryCase{"28.3.2", 0, 0x1000 | kWb | kRwx, kGood}));

// 28.3.3.1, first bullets: what bits 2:0 (and 10) may not say.
INSTANTIATE_TEST_SUITE_P(
    Rights, EptEntries,
    testing::Values(EntryCase{"28.3.3.1", 0, kWb | 0b001, kGood}, EntryCase{"28.3.3.1", 0, kWb | 0b010, kMisconfigured},
                    EntryCase{"28.3.3.1", 0, kWb | 0b011, kGood}, EntryCase{"28.3.3.1", 0, kWb | 0b100, kGood},
                    EntryCase{"28.3.3.1", 0, kWb | 0b101, kGood}, EntryCase{"28.3.3.1", 0, kWb | 0b110, kMisconfigured},
                    EntryCase{"28.3.3.1", 0, kWb | 0b111, kGood}, EntryCase{"28.3.3.1", 4, 0b010, kMisconfigured},
                    EntryCase{"28.3.3.1", 0, kWb | 0b100, kMisconfigured, kNoExecuteOnly},
                    EntryCase{"28.3.3.1", 2, 0b100, kMisconfigured, kNoExecuteOnly},
                    EntryCase{"28.3.3.1", 0, 0x400 | kWb, kMisconfigured, kMbeNoExecuteOnly},
                    EntryCase{"28.3.3.1", 0, 0x401 | kWb, kGood, kMbeNoExecuteOnly},
                    EntryCase{"28.3.3.1", 0, 0x400 | kWb | 0b100, kGood, kNoGigabyte}));

// 28.3.3.1 "A reserved bit is set", with the reserved bits of tables 28-1 to 28-7.
INSTANTIATE_TEST_SUITE_P(
    ReservedBits, EptEntries,
    testing::Values(EntryCase{"table 28-1 PML5E/PML4E 7:3", 4, kRwx | 1U << 3, kMisconfigured},
                    EntryCase{"table 28-1 PML5E/PML4E 7:3", 4, kRwx | 1U << 7, kMisconfigured},
                    EntryCase{"table 28-1 PML4E 7:3", 3, kRwx | 1U << 5, kMisconfigured},
                    EntryCase{"table 28-1 PML4E 7:3", 3, kRwx | 1U << 7, kMisconfigured},
                    EntryCase{"table 28-1 PML4E 8, 10, 11 ignored", 3, kRwx | 0xd00, kGood},
                    EntryCase{"table 28-3 PDPTE to directory 6:3", 2, kRwx | 1U << 3, kMisconfigured},
                    EntryCase{"table 28-3 PDPTE to directory 6:3", 2, kRwx | 1U << 6, kMisconfigured},
                    EntryCase{"table 28-2 1 GiB page 29:12", 2, kRwx | kWb | kLarge | 1U << 12, kMisconfigured},
                    EntryCase{"table 28-2 1 GiB page 29:12", 2, kRwx | kWb | kLarge | 1U << 29, kMisconfigured},
                    EntryCase{"table 28-2 1 GiB page", 2, kRwx | kWb | kLarge | 1U << 30, kGood},
                    EntryCase{"table 28-2 without 1 GiB capability", 2, kRwx | kWb | kLarge, kMisconfigured,
                              kNoGigabyte},
                    EntryCase{"table 28-5 PDE to table 6:3", 1, kRwx | 1U << 4, kMisconfigured},
                    EntryCase{"table 28-4 2 MiB page 20:12", 1, kRwx | kWb | kLarge | 1U << 20, kMisconfigured},
                    EntryCase{"table 28-4 2 MiB page", 1, kRwx | kWb | kLarge | 1U << 21, kGood},
                    EntryCase{"table 28-6 4 KiB page, 7 ignored", 0, kRwx | kWb | 1U << 7, kGood},
                    EntryCase{"51:N beyond the address width", 0, kRwx | kWb | 1ULL << 46, kMisconfigured},
                    EntryCase{"51:N beyond the address width", 3, kRwx | 1ULL << 51, kMisconfigured},
                    EntryCase{"below the address width", 0, kRwx | kWb | 1ULL << 45, kGood},
                    EntryCase{"62:52 ignored", 0, kRwx | kWb | 0x7ffULL << 52, kGood}));

// 28.3.3.1: memory types 2, 3 and 7 of a leaf are reserved.
INSTANTIATE_TEST_SUITE_P(MemoryTypes, EptEntries,
                         testing::Values(EntryCase{"type 0", 0, kRwx, kGood},
                                         EntryCase{"type 1", 0, kRwx | 1U << 3, kGood},
                                         EntryCase{"type 2", 0, kRwx | 2U << 3, kMisconfigured},
                                         EntryCase{"type 3", 0, kRwx | 3U << 3, kMisconfigured},
                                         EntryCase{"type 4", 0, kRwx | 4U << 3, kGood},
                                         EntryCase{"type 5", 1, kRwx | kLarge | 5U << 3, kGood},
                                         EntryCase{"type 6", 0, kRwx | 6U << 3, kGood},
                                         EntryCase{"type 7", 2, kRwx | kLarge | 7U << 3, kMisconfigured}));

// --- access rights: 28.3.3.2 EPT Violations --------------------------------------------------------------------------

struct AccessCase {
  std::uint64_t directory;  // bits 10 and 2:0 of the PDE
  std::uint64_t leaf;       // and of the PTE
  AccessKind access;
  bool user_page;  // user-mode linear address
  bool allowed;
  EptControls controls{};
};

class EptAccess : public testing::TestWithParam<AccessCase> {};

INSTANTIATE_TEST_SUITE_P(
    Violations, EptAccess,
    testing::Values(AccessCase{0b111, 0b001, AccessKind::read, true, true},
                    AccessCase{0b111, 0b100, AccessKind::read, true, false},
                    AccessCase{0b111, 0b001, AccessKind::write, true, false},
                    AccessCase{0b111, 0b011, AccessKind::write, true, true},
                    AccessCase{0b101, 0b111, AccessKind::write, true, false},  // any entry on the path
                    AccessCase{0b111, 0b011, AccessKind::fetch, true, false},
                    AccessCase{0b111, 0b101, AccessKind::fetch, true, true},
                    AccessCase{0b111, 0b100, AccessKind::fetch, false, true},
                    // Bit 10 is ignored without mode-based execute control ...
                    AccessCase{0b111, 0x403, AccessKind::fetch, true, false},
                    // ... and with it governs user-mode linear addresses, bit 2 supervisor-mode ones.
                    AccessCase{0x407, 0x403, AccessKind::fetch, true, true, kMbe},
                    AccessCase{0x407, 0x403, AccessKind::fetch, false, false, kMbe},
                    AccessCase{0x407, 0b111, AccessKind::fetch, true, false, kMbe},
                    AccessCase{0x407, 0b111, AccessKind::fetch, false, true, kMbe},
                    AccessCase{0b111, 0x407, AccessKind::fetch, true, false, kMbe}));

// A guest page table that maps linear 0 to guest-physical 0x5000, below an EPT that maps guest pages to themselves,
// except that page's own entry.
struct Guest {
  explicit Guest(const EptControls& controls, std::uint64_t user = 4) {
    stages[1].controls.ept = controls;
    test::fill(memory.store,
               {{0x1000, 0x2023 | user}, {0x2000, 0x3023 | user}, {0x3000, 0x4023 | user}, {0x4000, 0x5063 | user}});
    test::fill(memory.store, {{0x10'0000, 0x11'0407}, {0x11'0000, 0x12'0407}, {0x12'0000, 0x13'0407}});
    for (Addr page = 0; page < 16; ++page) ept_leaf(page, 0x407);
  }
  void ept_leaf(Addr page, std::uint64_t bits) { memory.store.write(0x13'0000 + page * 8, page * 0x1000 | kWb | bits); }

  std::array<Stage, 2> stages{test::stage_of("x86-64-4", 0x1000), test::stage_of("ept-4", 0x10'0000)};
  TableMemory memory;
};

TEST_P(EptAccess, IsGrantedByAllEntriesOfThePath) {
  const AccessCase& test = GetParam();
  Guest guest(test.controls, test.user_page ? 4 : 0);
  guest.memory.store.write(0x12'0000, 0x13'0000 | test.directory);
  // The guest's tables must stay readable and writable for A updates.
  guest.memory.store.write(0x12'0008, 0x14'0407);
  guest.ept_leaf(5, test.leaf);
  // Only the data page lies below the directory entry under test: its tables are moved 2 MiB up.
  for (Addr page = 0; page < 16; ++page) guest.memory.store.write(0x14'0000 + page * 8, page * 0x1000 | kWb | 0x407);
  test::fill(guest.memory.store, {{0x1000, 0x20'2023 | (test.user_page ? 4U : 0U)},
                                  {0x2000, 0x20'3023 | (test.user_page ? 4U : 0U)},
                                  {0x3000, 0x20'4023 | (test.user_page ? 4U : 0U)}});
  guest.stages[0].root = 0x20'1000;
  Walk walk(
      guest.stages,
      {.address = 0x18, .access = test.access, .privilege = test.user_page ? Privilege::user : Privilege::supervisor});
  EXPECT_EQ(run_walk(walk, guest.memory), test.allowed);
  if (test.allowed) return;
  EXPECT_EQ(walk.fault().cause, FaultCause::permission);
  EXPECT_EQ(walk.fault().stage, 1);
  const EptExit exit = ept_exit(walk.fault(), test.controls);
  EXPECT_EQ(exit.reason, 48);
  EXPECT_EQ(exit.guest_physical, 0x5018U);
  EXPECT_EQ(exit.guest_linear, 0x18U);
  const std::uint64_t both = test.directory & test.leaf;
  const std::uint64_t expected =
      (test.access == AccessKind::read    ? 1U
       : test.access == AccessKind::write ? 2U
                                          : 4U) |
      (both & 7) << 3 | (test.controls.mode_based_execute && (both & 0x400) != 0 ? 1U << 6 : 0U) | 1U << 7 | 1U << 8;
  EXPECT_EQ(exit.qualification, expected);
}

TEST(Ept, AnAddressBeyondItsWidthIsAViolationOfNoEntry) {
  // 28.3.2: a 4-level walk translates 48 bits; no entry is used, so bits 5:3 of the qualification are clear.
  const Stage stage = test::stage_of("ept-4", 0x1000);
  Walk walk({&stage, 1}, {.address = 1ULL << 48});
  ASSERT_EQ(walk.step().kind, StepKind::fault);
  EXPECT_EQ(ept_exit(walk.fault(), {}).reason, 48);
  EXPECT_EQ(ept_exit(walk.fault(), {}).qualification, 0x181U);
}

TEST(Ept, MisconfigurationHasItsOwnExitWithoutQualification) {
  Guest guest(EptControls{});
  guest.ept_leaf(5, 0b010);
  Walk walk(guest.stages, {.address = 0x18});
  ASSERT_FALSE(run_walk(walk, guest.memory));
  const EptExit exit = ept_exit(walk.fault(), {});
  EXPECT_EQ(exit.reason, 49);
  EXPECT_EQ(exit.qualification, 0U);
  EXPECT_EQ(exit.guest_physical, 0x5018U);
}

// --- 28.3.5 Accessed and Dirty Flags for EPT -------------------------------------------------------------------------

TEST(EptFlags, AreIgnoredUnlessEnabled) {
  Guest guest(EptControls{});
  Walk walk(guest.stages, {.address = 0x18, .access = AccessKind::write});
  ASSERT_TRUE(run_walk(walk, guest.memory));
  EXPECT_TRUE(guest.memory.updates.empty());
}

TEST(EptFlags, AreSetInEveryEntryUsedAndDirtyInTheLeafOfAWrite) {
  const Stage stage = [] {
    Stage made = test::stage_of("ept-4", 0x1000);
    made.controls.ept.accessed_dirty = true;
    return made;
  }();
  for (const AccessKind access : {AccessKind::read, AccessKind::write}) {
    TableMemory memory;
    test::fill(memory.store, {{0x1000, 0x2007}, {0x2000, 0x3007}, {0x3000, 0x4007}, {0x4000, 0x5037}});
    Walk walk({&stage, 1}, {.address = 0x18, .access = access});
    ASSERT_TRUE(run_walk(walk, memory));
    EXPECT_EQ(memory.store.read(0x1000), 0x2107U);
    EXPECT_EQ(memory.store.read(0x3000), 0x4107U);
    EXPECT_EQ(memory.store.read(0x4000), access == AccessKind::write ? 0x5337U : 0x5137U);
  }
}

TEST(EptFlags, MakeReadsOfGuestTablesWrites) {
  // "processor accesses to guest paging-structure entries are treated as writes"
  Guest guest(EptControls{.accessed_dirty = true});
  Walk walk(guest.stages, {.address = 0x18});
  ASSERT_TRUE(run_walk(walk, guest.memory));
  for (const Addr table_page : {1, 2, 3, 4}) {
    EXPECT_EQ(guest.memory.store.read(0x13'0000 + table_page * 8) & 0x300, 0x300U) << table_page;
  }
  EXPECT_EQ(guest.memory.store.read(0x13'0000 + 5 * 8) & 0x300, 0x100U);

  guest.ept_leaf(3, 0x405);  // a guest table on a page that may not be written
  Walk refused(guest.stages, {.address = 0x18});
  ASSERT_FALSE(run_walk(refused, guest.memory));
  EXPECT_EQ(refused.fault().table, TableAccess::read);
  // Qualification: both data read and data write, readable, executable, linear address valid, not the final access.
  EXPECT_EQ(ept_exit(refused.fault(), {.accessed_dirty = true}).qualification, 0x3U | 0b101U << 3 | 1U << 7);

  guest.stages[1].controls.ept.accessed_dirty = false;
  Walk allowed(guest.stages, {.address = 0x18});
  EXPECT_TRUE(run_walk(allowed, guest.memory));
}

// --- 28.3.7 EPT and Memory Typing; vol. 3A table 11-7 ----------------------------------------------------------------

struct TypeCase {
  MemoryType pat;
  std::uint64_t ept;  // bits 5:3
  MemoryType effective;
};
class EptTypes : public testing::TestWithParam<TypeCase> {};

using enum MemoryType;
INSTANTIATE_TEST_SUITE_P(
    Table, EptTypes,
    testing::Values(TypeCase{uncached, 0, uncached}, TypeCase{uncached_minus, 0, uncached},
                    TypeCase{write_combining, 0, write_combining}, TypeCase{write_through, 0, uncached},
                    TypeCase{write_back, 0, uncached}, TypeCase{write_protected, 0, uncached},
                    TypeCase{uncached, 1, uncached}, TypeCase{uncached_minus, 1, write_combining},
                    TypeCase{write_combining, 1, write_combining}, TypeCase{write_through, 1, uncached},
                    TypeCase{write_back, 1, write_combining}, TypeCase{write_protected, 1, uncached},
                    TypeCase{uncached, 4, uncached}, TypeCase{uncached_minus, 4, uncached},
                    TypeCase{write_combining, 4, write_combining}, TypeCase{write_through, 4, write_through},
                    TypeCase{write_back, 4, write_through}, TypeCase{write_protected, 4, write_protected},
                    TypeCase{uncached, 5, uncached}, TypeCase{uncached_minus, 5, write_combining},
                    TypeCase{write_combining, 5, write_combining}, TypeCase{write_through, 5, write_through},
                    TypeCase{write_back, 5, write_protected}, TypeCase{write_protected, 5, write_protected},
                    TypeCase{uncached, 6, uncached}, TypeCase{uncached_minus, 6, uncached},
                    TypeCase{write_combining, 6, write_combining}, TypeCase{write_through, 6, write_through},
                    TypeCase{write_back, 6, write_back}, TypeCase{write_protected, 6, write_protected}));

TEST_P(EptTypes, CombineLikeRangeAndPageTypes) {
  const TypeCase& test = GetParam();
  Guest guest(EptControls{});
  // A PAT with all six types; the reset value lacks WC and WP.
  guest.stages[0].controls.x86.pat = 0x05'01'04'06'00'07'04'06;
  const LeafSpec leaf{.address = 0x5000, .rights = kPermissions | kFlags, .memory_type = test.pat};
  const std::uint64_t value = encode_leaf(*guest.stages[0].format, guest.stages[0].controls, 0, leaf).value();
  guest.memory.store.write(0x4000, value);
  for (const bool ignore_pat : {false, true}) {
    guest.memory.store.write(0x13'0000 + 5 * 8, 0x5407 | test.ept << 3 | (ignore_pat ? 1U << 6 : 0U));
    Walk walk(guest.stages, {.address = 0x18});
    ASSERT_TRUE(run_walk(walk, guest.memory));
    constexpr std::array kOwn{uncached,      write_combining, uncached,  uncached,
                              write_through, write_protected, write_back};
    EXPECT_EQ(walk.translation().memory_type, ignore_pat ? kOwn.at(test.ept) : test.effective);
  }
}

TEST(EptTypes, WithoutGuestPagingThePatTypeIsWriteBack) {
  TableMemory memory;
  const std::array<Stage, 2> stages{Stage{}, test::stage_of("ept-4", 0x1000)};
  test::fill(memory.store, {{0x1000, 0x2007}, {0x2000, 0x3007}, {0x3000, 0x4007}, {0x4000, 0x5027}});
  Walk walk(stages, {.address = 0x18});
  ASSERT_TRUE(run_walk(walk, memory));
  EXPECT_EQ(walk.translation().memory_type, write_through);
}

}  // namespace pagoda::ept_test
