// VMSAv8-64 from the manual: Arm ARM (DDI 0487), chapter D8 "The AArch64 Virtual Memory System Architecture", 4 KiB
// granule. Levels in the text are Arm's (3 is the last), in the code Pagoda's (0 is the last).
#include <gtest/gtest.h>

#include "pagoda/paging/fault_encoding.h"
#include "unit/paging/table_memory.h"

namespace pagoda::armv8_test {

using test::TableMemory;

constexpr std::uint64_t kPage = 3;   // level 3 page
constexpr std::uint64_t kBlock = 1;  // level 1 and 2 block
constexpr std::uint64_t kTable = 3;  // level 0 to 2 table
constexpr std::uint64_t kAf = 1ULL << 10;
constexpr std::uint64_t kEl0 = 1ULL << 6;       // AP[1]
constexpr std::uint64_t kReadOnly = 1ULL << 7;  // AP[2]
constexpr std::uint64_t kDbm = 1ULL << 51;
constexpr std::uint64_t kContiguous = 1ULL << 52;
constexpr std::uint64_t kPxn = 1ULL << 53;
constexpr std::uint64_t kUxn = 1ULL << 54;
constexpr std::uint64_t kS2Read = 1ULL << 6;
constexpr std::uint64_t kS2Write = 1ULL << 7;

// --- D8.3 Translation table descriptor formats -----------------------------------------------------------------------

struct DescriptorCase {
  const char* section;
  unsigned level;  // Pagoda's
  std::uint64_t value;
  EntryKind kind;
  FaultCause cause = FaultCause::none;
  unsigned page_shift = 0;
};
std::ostream& operator<<(std::ostream& out, const DescriptorCase& test) {
  return out << test.section << ", descriptor " << std::hex << test.value;
}

class Descriptors : public testing::TestWithParam<DescriptorCase> {};

INSTANTIATE_TEST_SUITE_P(
    Kinds, Descriptors,
    testing::Values(
        DescriptorCase{"D8.3.1 bit 0 clear: invalid", 3, 2, EntryKind::invalid, FaultCause::not_present},
        DescriptorCase{"D8.3.1 bit 0 clear: invalid", 0, ~1ULL, EntryKind::invalid, FaultCause::not_present},
        DescriptorCase{"D8.3.1 level 0 table", 3, 0x5000 | kTable, EntryKind::table},
        DescriptorCase{"D8.3.1 level 0 has no blocks with 4 KiB granules", 3, kBlock, EntryKind::invalid,
                       FaultCause::not_present},
        DescriptorCase{"D8.3.1 level 1 block", 2, 0x4000'0000 | kAf | kBlock, EntryKind::leaf, FaultCause::none, 30},
        DescriptorCase{"D8.3.1 level 1 table", 2, 0x5000 | kTable, EntryKind::table},
        DescriptorCase{"D8.3.1 level 2 block", 1, 0x20'0000 | kAf | kBlock, EntryKind::leaf, FaultCause::none, 21},
        DescriptorCase{"D8.3.1 level 3 page", 0, 0x5000 | kAf | kPage, EntryKind::leaf, FaultCause::none, 12},
        DescriptorCase{"D8.3.1 level 3, bits 1:0 = 01: reserved", 0, 0x5000 | kAf | 1, EntryKind::invalid,
                       FaultCause::not_present},
        DescriptorCase{"D8.7.1 contiguous pages: 64 KiB", 0, 0x5000 | kAf | kPage | kContiguous, EntryKind::leaf,
                       FaultCause::none, 16},
        DescriptorCase{"D8.7.1 contiguous blocks: 32 MiB", 1, 0x20'0000 | kAf | kBlock | kContiguous, EntryKind::leaf,
                       FaultCause::none, 25},
        DescriptorCase{"D8.2 output address beyond the output size", 0, 1ULL << 44 | kAf | kPage, EntryKind::invalid,
                       FaultCause::address_size},
        DescriptorCase{"D8.2 table address beyond the output size", 2, 1ULL << 47 | kTable, EntryKind::invalid,
                       FaultCause::address_size},
        DescriptorCase{"D8.2 within the output size", 0, 1ULL << 43 | kAf | kPage, EntryKind::leaf, FaultCause::none,
                       12}));

TEST_P(Descriptors, AreOfTheirKindInBothStages) {
  const DescriptorCase& test = GetParam();
  for (const char* format : {"armv8-s1", "armv8-s2"}) {
    const Entry entry = decode(*find_page_format(format), {.physical_bits = 44}, test.level, test.value);
    EXPECT_EQ(entry.kind, test.kind) << format;
    EXPECT_EQ(entry.cause, test.cause) << format;
    EXPECT_EQ(entry.page_shift, test.page_shift) << format;
  }
}

// --- D8.4 Memory access control: stage 1 -----------------------------------------------------------------------------

struct RightsCase {
  const char* rule;
  std::uint64_t leaf;
  const char* el0;  // what of "rwx" is allowed
  const char* el1;
  ArmControls controls{};
  std::uint64_t table = 0;  // attributes of the level 2 table descriptor
};
std::ostream& operator<<(std::ostream& out, const RightsCase& test) { return out << test.rule; }

constexpr ArmControls kHw{.ha = true, .hd = true};

class Stage1Rights : public testing::TestWithParam<RightsCase> {};

INSTANTIATE_TEST_SUITE_P(
    DirectPermissions, Stage1Rights,
    testing::Values(
        // AP[2:1] and execute-never. Writable at EL0 is never executable at EL1.
        RightsCase{"AP 00", 0, "x", "rwx"}, RightsCase{"AP 01", kEl0, "rwx", "rw"},
        RightsCase{"AP 10", kReadOnly, "x", "rx"}, RightsCase{"AP 11", kReadOnly | kEl0, "rx", "rx"},
        RightsCase{"UXN", kEl0 | kReadOnly | kUxn, "r", "rx"}, RightsCase{"PXN", kReadOnly | kEl0 | kPxn, "rx", "r"},
        RightsCase{"UXN and PXN", kUxn | kPxn, "", "rw"},
        // SCTLR.WXN: writable is not executable.
        RightsCase{"WXN, AP 00", 0, "x", "rw", {.wxn = true}},
        RightsCase{"WXN, AP 01", kEl0, "rw", "rw", {.wxn = true}},
        RightsCase{"WXN, AP 11", kEl0 | kReadOnly, "rx", "rx", {.wxn = true}},
        // PSTATE.PAN: no EL1 data access to what EL0 may access; fetches are not affected.
        RightsCase{"PAN, AP 00", 0, "x", "rwx", {.pan = true}},
        RightsCase{"PAN, AP 01", kEl0 | kUxn, "rw", "", {.pan = true}},
        RightsCase{"PAN, AP 11", kEl0 | kReadOnly, "rx", "x", {.pan = true}},
        // FEAT_PAN3 (EPAN): nor to what EL0 may only execute.
        RightsCase{"EPAN, EL0 execute only", kReadOnly, "x", "x", {.pan = true, .epan = true}},
        RightsCase{"EPAN, no EL0 access", kReadOnly | kUxn, "", "rx", {.pan = true, .epan = true}}));

INSTANTIATE_TEST_SUITE_P(
    HierarchicalPermissions, Stage1Rights,
    testing::Values(RightsCase{"APTable[0]: no EL0 access", kEl0, "x", "rwx", {}, 1ULL << 61},
                    RightsCase{"APTable[1]: read only", kEl0, "rx", "rx", {}, 1ULL << 62},
                    RightsCase{"UXNTable", kEl0 | kReadOnly, "r", "rx", {}, 1ULL << 60},
                    RightsCase{"PXNTable", kEl0 | kReadOnly, "rx", "r", {}, 1ULL << 59},
                    RightsCase{"all of them", kEl0, "", "r", {}, 0xfULL << 59},
                    RightsCase{"TCR.HPD ignores them", kEl0 | kReadOnly, "rx", "rx", {.hpd = true}, 0xfULL << 59}));

INSTANTIATE_TEST_SUITE_P(DirtyState, Stage1Rights,
                         testing::Values(
                             // D8.5.2: with HD, DBM makes a read-only descriptor writable-clean.
                             RightsCase{"DBM without HD", kReadOnly | kEl0 | kDbm, "rx", "rx", {.ha = true}},
                             RightsCase{"DBM with HD", kReadOnly | kEl0 | kDbm, "rwx", "rw", kHw},
                             RightsCase{"no DBM with HD", kReadOnly | kEl0, "rx", "rx", kHw},
                             RightsCase{"DBM below APTable[1]", kReadOnly | kEl0 | kDbm, "rx", "rx", kHw, 1ULL << 62}));

std::string allowed(const Stage& stage, TableMemory& memory, Privilege privilege) {
  std::string text;
  constexpr std::array kKinds{std::pair{AccessKind::read, 'r'}, std::pair{AccessKind::write, 'w'},
                              std::pair{AccessKind::fetch, 'x'}};
  for (const auto& [kind, letter] : kKinds) {
    const std::uint64_t leaf = memory.store.read(0x4000);
    Walk walk({&stage, 1}, {.address = 0x10, .access = kind, .privilege = privilege});
    if (run_walk(walk, memory)) {
      text += letter;
    } else {
      EXPECT_EQ(walk.fault().cause, FaultCause::permission);
    }
    memory.store.write(0x4000, leaf);
  }
  return text;
}

TEST_P(Stage1Rights, AreGrantedPerExceptionLevel) {
  const RightsCase& test = GetParam();
  TableMemory memory;
  test::fill(memory.store, {{0x1000, 0x2000 | kTable},
                            {0x2000, 0x3000 | kTable | test.table},
                            {0x3000, 0x4000 | kTable},
                            {0x4000, 0x5000 | kAf | kPage | test.leaf}});
  Stage stage = test::stage_of("armv8-s1", 0x1000);
  stage.controls.arm = test.controls;
  EXPECT_EQ(allowed(stage, memory, Privilege::user), test.el0);
  EXPECT_EQ(allowed(stage, memory, Privilege::supervisor), test.el1);
}

// --- D8.4: stage 2 ---------------------------------------------------------------------------------------------------

class Stage2Rights : public testing::TestWithParam<RightsCase> {};

INSTANTIATE_TEST_SUITE_P(S2apAndXn, Stage2Rights,
                         testing::Values(RightsCase{"S2AP 00", 0, "x", "x"}, RightsCase{"S2AP 01", kS2Read, "rx", "rx"},
                                         RightsCase{"S2AP 10", kS2Write, "wx", "wx"},
                                         RightsCase{"S2AP 11", kS2Read | kS2Write, "rwx", "rwx"},
                                         // FEAT_XNX: XN[1:0] in bits 54:53.
                                         RightsCase{"XN 01: not at EL1", kS2Read | 1ULL << 53, "rx", "r"},
                                         RightsCase{"XN 10: not at all", kS2Read | 2ULL << 53, "r", "r"},
                                         RightsCase{"XN 11: not at EL0", kS2Read | 3ULL << 53, "r", "rx"},
                                         RightsCase{"DBM with HD", kS2Read | kDbm, "rwx", "rwx", kHw},
                                         RightsCase{"DBM without HD", kS2Read | kDbm, "rx", "rx"}));

TEST_P(Stage2Rights, AreGranted) {
  const RightsCase& test = GetParam();
  TableMemory memory;
  test::fill(memory.store, {{0x1000, 0x4000 | kTable}, {0x4000, 0x20'0000 | kAf | kBlock | 0xf << 2 | test.leaf}});
  Stage stage = test::stage_of("armv8-s2-39", 0x1000);
  stage.controls.arm = test.controls;
  EXPECT_EQ(allowed(stage, memory, Privilege::user), test.el0);
  EXPECT_EQ(allowed(stage, memory, Privilege::supervisor), test.el1);
}

// --- D8.5 Hardware updates to the translation tables -----------------------------------------------------------------

struct UpdateCase {
  const char* rule;
  const char* format;
  std::uint64_t before;
  AccessKind access;
  ArmControls controls;
  std::uint64_t after;
  FaultCause cause = FaultCause::none;
};
std::ostream& operator<<(std::ostream& out, const UpdateCase& test) { return out << test.rule; }
class ArmUpdates : public testing::TestWithParam<UpdateCase> {};

constexpr const char* kStage1 = "armv8-s1-30";
constexpr const char* kStage2 = "armv8-s2-30";
constexpr std::uint64_t kNormal2 = 0xf << 2;  // stage 2 MemAttr: write-back

INSTANTIATE_TEST_SUITE_P(
    AccessFlagAndDirtyState, ArmUpdates,
    testing::Values(
        UpdateCase{"D8.5.1 AF clear, HA clear: access flag fault",
                   kStage1,
                   0,
                   AccessKind::read,
                   {},
                   0,
                   FaultCause::access_flag},
        UpdateCase{"D8.5.1 AF clear, HA set", kStage1, 0, AccessKind::read, {.ha = true}, kAf},
        UpdateCase{"D8.5.1 access flag fault comes before a permission fault",
                   kStage1,
                   kReadOnly,
                   AccessKind::write,
                   {},
                   kReadOnly,
                   FaultCause::access_flag},
        UpdateCase{"with HA the permission fault remains",
                   kStage1,
                   kReadOnly,
                   AccessKind::write,
                   {.ha = true},
                   kReadOnly,
                   FaultCause::permission},
        UpdateCase{"D8.5.2 write makes clean dirty: AP[2] cleared", kStage1, kAf | kReadOnly | kDbm, AccessKind::write,
                   kHw, kAf | kDbm},
        UpdateCase{"D8.5.2 read leaves it clean", kStage1, kAf | kReadOnly | kDbm, AccessKind::read, kHw,
                   kAf | kReadOnly | kDbm},
        UpdateCase{"D8.5.2 both at once", kStage1, kReadOnly | kDbm, AccessKind::write, kHw, kAf | kDbm},
        UpdateCase{"D8.5.2 stage 2: S2AP[1] set", kStage2, kNormal2 | kAf | kS2Read | kDbm, AccessKind::write, kHw,
                   kNormal2 | kAf | kS2Read | kS2Write | kDbm},
        UpdateCase{
            "D8.5.1 stage 2 AF", kStage2, kNormal2 | kS2Read, AccessKind::read, {.ha = true}, kNormal2 | kAf | kS2Read},
        UpdateCase{"D8.5.1 stage 2 AF without HA",
                   kStage2,
                   kNormal2 | kS2Read,
                   AccessKind::read,
                   {},
                   kNormal2 | kS2Read,
                   FaultCause::access_flag}));

TEST_P(ArmUpdates, AreMadeOrFault) {
  const UpdateCase& test = GetParam();
  TableMemory memory;
  const std::uint64_t fixed = 0x20'0000 | kBlock;
  memory.store.write(0x1000, fixed | test.before);
  Stage stage = test::stage_of(test.format, 0x1000);
  stage.controls.arm = test.controls;
  Walk walk({&stage, 1}, {.address = 0x10, .access = test.access});
  EXPECT_EQ(run_walk(walk, memory) ? FaultCause::none : walk.fault().cause, test.cause);
  EXPECT_EQ(memory.store.read(0x1000), fixed | test.after);
}

// --- D8.2 address ranges ---------------------------------------------------------------------------------------------

TEST(ArmRanges, SelectTheTableByTheTopBits) {
  TableMemory memory;
  Stage stage = test::stage_of("armv8-s1-39", 0x1000);
  stage.upper_root = 0x2000;
  memory.store.write(0x1000, 0x4000'0000 | kAf | kBlock);
  memory.store.write(0x2000 + 511 * 8, 0x8000'0000 | kAf | kBlock);
  const auto output = [&](Addr address) {
    Walk walk({&stage, 1}, {.address = address});
    return run_walk(walk, memory) ? walk.translation().output : walk.fault().cause == FaultCause::non_canonical ? 1 : 0;
  };
  EXPECT_EQ(output(0x1234), 0x4000'1234U);
  EXPECT_EQ(output(0xffff'ffff'ffff'f234), 0xbfff'f234U);
  EXPECT_EQ(output(0xff00'0000'0000'1234), 1U);
  stage.controls.arm.tbi = true;  // the top byte is ignored, bit 55 selects
  EXPECT_EQ(output(0xff00'0000'0000'1234), 0x4000'1234U);
  EXPECT_EQ(output(0x12ff'ffff'ffff'f234), 0xbfff'f234U);
  EXPECT_EQ(output(0x1201'0000'0000'0000), 1U);
}

// --- ESR_ELx.ISS fault status codes, HPFAR_EL2 -----------------------------------------------------------------------

struct StatusCase {
  FaultCause cause;
  unsigned arm_level;
  unsigned fsc;
};
class FaultStatus : public testing::TestWithParam<StatusCase> {};
INSTANTIATE_TEST_SUITE_P(
    Codes, FaultStatus,
    testing::Values(StatusCase{FaultCause::address_size, 0, 0b000000},
                    StatusCase{FaultCause::address_size, 3, 0b000011}, StatusCase{FaultCause::not_present, 0, 0b000100},
                    StatusCase{FaultCause::not_present, 2, 0b000110}, StatusCase{FaultCause::access_flag, 1, 0b001001},
                    StatusCase{FaultCause::access_flag, 3, 0b001011}, StatusCase{FaultCause::permission, 1, 0b001101},
                    StatusCase{FaultCause::permission, 3, 0b001111}, StatusCase{FaultCause::access_error, 2, 0b010110},
                    StatusCase{FaultCause::poison, 3, 0b011111}, StatusCase{FaultCause::non_canonical, 1, 0b000100}));
TEST_P(FaultStatus, NamesCauseAndLevel) {
  const Fault fault{.cause = GetParam().cause, .level = static_cast<std::uint8_t>(3 - GetParam().arm_level)};
  EXPECT_EQ(arm_abort(fault).fsc, GetParam().fsc);
}

TEST(ArmAborts, OfStage2OnAStage1TableTellTheIpaAndS1ptw) {
  TableMemory memory;
  std::array<Stage, 2> stages{test::stage_of("armv8-s1-39", 0x4000'1000), test::stage_of("armv8-s2-40-l1", 0x10'0000)};
  memory.store.write(0x10'0008, 0x4000'0000 | kAf | kBlock | kNormal2 | kS2Write | kS2Read);
  memory.store.write(0x4000'1000, 0x2'8000'2000 | kTable);  // next table at an IPA the second stage does not map
  Walk walk(stages, {.address = 0x12345, .access = AccessKind::write});
  ASSERT_FALSE(run_walk(walk, memory));
  const ArmAbort abort = arm_abort(walk.fault());
  EXPECT_EQ(abort.fsc, 0b000101);  // translation fault, level 1
  EXPECT_TRUE(abort.stage2);
  EXPECT_TRUE(abort.s1ptw);
  EXPECT_FALSE(abort.wnr);
  EXPECT_EQ(abort.far, 0x12345U);
  EXPECT_EQ(abort.hpfar, 0x2'8000'2ULL << 4);

  // The same stage 1 entry, updated by hardware on a page that stage 2 lets it only read: an S1PTW write.
  memory.store.write(0x4000'1000, 0x4000'0000 | kBlock);
  memory.store.write(0x10'0008, 0x4000'0000 | kAf | kBlock | kNormal2 | kS2Read);
  stages[0].controls.arm.ha = true;
  Walk update(stages, {.address = 0x12345});
  ASSERT_FALSE(run_walk(update, memory));
  EXPECT_EQ(arm_abort(update.fault()).fsc, 0b001101);
  EXPECT_TRUE(arm_abort(update.fault()).s1ptw);
  EXPECT_TRUE(arm_abort(update.fault()).wnr);
}

// --- D8.6 Memory region attributes -----------------------------------------------------------------------------------

TEST(ArmTypes, CombineToTheStricterUnlessForced) {
  using enum MemoryType;
  struct Case {
    unsigned mair;     // attribute byte of stage 1
    unsigned memattr;  // stage 2 MemAttr[3:0]
    bool fwb;
    MemoryType type;
  };
  constexpr std::array kCases{
      // FWB 0: Device wins over Normal, non-cacheable over write-through over write-back.
      Case{0xff, 0xf, false, write_back}, Case{0xff, 0xa, false, write_through}, Case{0xff, 0x5, false, non_cacheable},
      Case{0xbb, 0xf, false, write_through}, Case{0x44, 0xf, false, non_cacheable},
      Case{0xff, 0x0, false, device_ngnrne}, Case{0x04, 0xf, false, device_ngnre}, Case{0x0c, 0x1, false, device_ngnre},
      Case{0x08, 0x3, false, device_ngre},
      // FWB 1: 7 keeps stage 1's type, 6 forces write-back, 5 forces non-cacheable unless Device, 0 to 3 force Device.
      Case{0x44, 0x7, true, non_cacheable}, Case{0x00, 0x7, true, device_ngnrne}, Case{0x00, 0x6, true, write_back},
      Case{0x44, 0x6, true, write_back}, Case{0xff, 0x5, true, non_cacheable}, Case{0x04, 0x5, true, device_ngnre},
      Case{0xff, 0x1, true, device_ngnre}};
  for (const Case& test : kCases) {
    TableMemory memory;
    std::array<Stage, 2> stages{test::stage_of("armv8-s1-30", 0x1000), test::stage_of("armv8-s2-30", 0x2000)};
    stages[0].controls.arm.mair = std::uint64_t{test.mair} << 40;
    stages[1].controls.arm.fwb = test.fwb;
    memory.store.write(0x1000, kAf | kBlock | 5U << 2);  // attribute 5
    memory.store.write(0x2000, kAf | kBlock | std::uint64_t{test.memattr} << 2 | kS2Read | kS2Write);
    Walk walk(stages, {.address = 0x10});
    ASSERT_TRUE(run_walk(walk, memory));
    EXPECT_EQ(walk.translation().memory_type, test.type) << std::hex << test.mair << ' ' << test.memattr;
  }
}

}  // namespace pagoda::armv8_test
