// Every operand of every command, and every rule by which one is illegal.
// RISC-V IOMMU Architecture Specification 1.0, "Command-Queue (CQ)".
#include "pagoda/iommu/iommu_commands.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace pagoda::iommu_commands_test {

constexpr std::uint64_t bit(unsigned index) { return std::uint64_t{1} << index; }

constexpr std::uint64_t kAts = bit(25), kMsiFlat = bit(22), kPd8 = bit(38), kPd17 = bit(39), kPd20 = bit(40);
constexpr std::uint64_t kAll = 0x10 | kAts | kMsiFlat | kPd8 | kPd17 | kPd20;

struct Case {
  const char* what;
  std::array<std::uint64_t, 2> words;
  IommuCommand command;
  std::uint64_t capabilities = kAll;
  IommuMode mode = IommuMode::three_levels;
  bool wired = true;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.what; }

const IommuCommand kIllegal = IllegalCommand{};

struct Commands : ::testing::TestWithParam<Case> {};

TEST_P(Commands, AreDecoded) {
  const Case& c = GetParam();
  const IommuCommand command = decode_command(c.words, {c.capabilities}, c.mode, c.wired);
  ASSERT_EQ(command.index(), c.command.index());
  if (const auto* illegal = std::get_if<IllegalCommand>(&command)) {
    EXPECT_STRNE(illegal->reason, "");
  } else {
    EXPECT_EQ(command, c.command);
  }
}

// What is encoded says the same to the decoder, which the cases hold to the specification.
TEST_P(Commands, AreEncoded) {
  const Case& c = GetParam();
  if (std::holds_alternative<IllegalCommand>(c.command)) {
    EXPECT_THROW(encode_command(c.command), std::logic_error);
    return;
  }
  EXPECT_EQ(decode_command(encode_command(c.command), {c.capabilities}, c.mode, c.wired), c.command);
}

// opcode in 6:0, func3 in 9:7
constexpr std::uint64_t op(unsigned opcode, unsigned function) { return opcode | function << 7; }
constexpr std::uint64_t kVma = op(1, 0), kGvma = op(1, 1), kFence = op(2, 0);
constexpr std::uint64_t kDdt = op(3, 0), kPdt = op(3, 1), kInval = op(4, 0), kPrgr = op(4, 1);
constexpr std::uint64_t kAv = bit(10), kPscv = bit(32), kGv = bit(33), kDv = bit(33), kPv = bit(32), kDsv = bit(33);

INSTANTIATE_TEST_SUITE_P(
    Groups, Commands,
    ::testing::Values(Case{"opcode 0", {0, 0}, kIllegal}, Case{"opcode 5", {op(5, 0), 0}, kIllegal},
                      Case{"opcode 63", {op(63, 0), 0}, kIllegal}, Case{"first custom", {op(64, 0), 0}, kIllegal},
                      Case{"last custom", {op(127, 7), 0}, kIllegal}, Case{"IOTINVAL 2", {op(1, 2), 0}, kIllegal},
                      Case{"IOTINVAL 7", {op(1, 7), 0}, kIllegal}, Case{"IOFENCE 1", {op(2, 1), 0}, kIllegal},
                      Case{"IODIR 2", {op(3, 2) | kDv, 0}, kIllegal}, Case{"ATS 2", {op(4, 2), 0}, kIllegal}));

INSTANTIATE_TEST_SUITE_P(
    Iotinval, Commands,
    ::testing::Values(Case{"VMA of all", {kVma, 0}, IotinvalVma{}},
                      Case{"VMA ignores what is not valid",
                           {kVma | 0xfffffull << 12 | 0xffffull << 44, bit(62) - bit(10)},
                           IotinvalVma{}},
                      Case{"VMA of an address space",
                           {kVma | kPscv | 0xabcdeull << 12, 0},
                           IotinvalVma{.gscid = {}, .pscid = 0xabcde, .address = {}}},
                      Case{"VMA of a guest",
                           {kVma | kGv | 0xfedcull << 44, 0},
                           IotinvalVma{.gscid = 0xfedc, .pscid = {}, .address = {}}},
                      Case{"VMA of a page",
                           {kVma | kAv | kGv | kPscv | 1ull << 12 | 2ull << 44, 0xfffffffff1234ull << 10},
                           IotinvalVma{.gscid = 2, .pscid = 1, .address = 0xfffffffff1234000}},
                      Case{"GVMA of all", {kGvma, 0}, IotinvalGvma{}},
                      Case{"GVMA without GV ignores AV", {kGvma | kAv, 5ull << 10}, IotinvalGvma{}},
                      Case{"GVMA of a guest", {kGvma | kGv | 7ull << 44, 0}, IotinvalGvma{.gscid = 7, .address = {}}},
                      Case{"GVMA of a page",
                           {kGvma | kGv | kAv | 7ull << 44, 5ull << 10},
                           IotinvalGvma{.gscid = 7, .address = 0x5000}},
                      Case{"GVMA with PSCV", {kGvma | kPscv, 0}, kIllegal},
                      Case{"GVMA ignores PSCID", {kGvma | bit(12), 0}, IotinvalGvma{}}));

INSTANTIATE_TEST_SUITE_P(
    Iofence, Commands,
    ::testing::Values(
        Case{"fence", {kFence, 0}, IofenceC{}},
        Case{"fence ignores the store without AV", {kFence | 0xffffffffull << 32, bit(62) - 1}, IofenceC{}},
        Case{"fence of reads", {kFence | bit(12), 0}, IofenceC{.orders_reads = true, .store = {}}},
        Case{"fence of writes", {kFence | bit(13), 0}, IofenceC{.orders_writes = true, .store = {}}},
        Case{"fence with store",
             {kFence | kAv | 0x89abcdefull << 32, bit(61) | 1},
             IofenceC{.store = IofenceC::Store{.address = bit(63) | 4, .data = 0x89abcdef}}},
        Case{"fence with wire", {kFence | bit(11), 0}, IofenceC{.wired_interrupt = true, .store = {}}},
        Case{.what = "fence with wire and messages",
             .words = {kFence | bit(11), 0},
             .command = kIllegal,
             .wired = false},
        Case{.what = "fence and messages", .words = {kFence, 0}, .command = IofenceC{}, .wired = false}));

INSTANTIATE_TEST_SUITE_P(
    Iodir, Commands,
    ::testing::Values(
        Case{"DDT of all", {kDdt, 0}, IodirInvalDdt{}},
        Case{"DDT without DV ignores DID", {kDdt | 9ull << 40, 0}, IodirInvalDdt{}},
        Case{"DDT", {kDdt | kDv | 0xffffffull << 40, 0}, IodirInvalDdt{0xffffff}},
        Case{"DDT with PID", {kDdt | kDv | bit(12), 0}, kIllegal},
        Case{"DDT with PID's last bit", {kDdt | bit(31), 0}, kIllegal},
        Case{"PDT",
             {kPdt | kDv | 0xfffffull << 12 | 3ull << 40, 0},
             IodirInvalPdt{.device_id = 3, .process_id = 0xfffff}},
        Case{"PDT without DV", {kPdt | 3ull << 40, 0}, kIllegal},
        Case{"PID of 17 bits",
             {kPdt | kDv | 0x1ffffull << 12, 0},
             IodirInvalPdt{.process_id = 0x1ffff},
             0x10 | kPd17 | kPd8},
        Case{"PID of more than 17 bits", {kPdt | kDv | 0x20000ull << 12, 0}, kIllegal, 0x10 | kPd17 | kPd8},
        Case{"PID of 8 bits", {kPdt | kDv | 0xffull << 12, 0}, IodirInvalPdt{.process_id = 0xff}, 0x10 | kPd8},
        Case{"PID of more than 8 bits", {kPdt | kDv | 0x100ull << 12, 0}, kIllegal, 0x10 | kPd8},
        Case{"PID without process directories", {kPdt | kDv | 1ull << 12, 0}, kIllegal, 0x10}));

constexpr std::uint64_t of_device(std::uint64_t id) { return kDdt | kDv | id << 40; }

// "Device-Directory-Table (DDT)": 7, 16 and 24 bits in the base format, 6, 15 and 24 in the extended one.
INSTANTIATE_TEST_SUITE_P(
    DeviceWidths, Commands,
    ::testing::Values(
        Case{"extended, 6 bits", {of_device(63), 0}, IodirInvalDdt{63}, kAll, IommuMode::one_level},
        Case{"extended, 7 bits of 6", {of_device(64), 0}, kIllegal, kAll, IommuMode::one_level},
        Case{"extended, 15 bits", {of_device(0x7fff), 0}, IodirInvalDdt{0x7fff}, kAll, IommuMode::two_levels},
        Case{"extended, 16 bits of 15", {of_device(0x8000), 0}, kIllegal, kAll, IommuMode::two_levels},
        Case{"base, 7 bits", {of_device(127), 0}, IodirInvalDdt{127}, 0x10, IommuMode::one_level},
        Case{"base, 8 bits of 7", {of_device(128), 0}, kIllegal, 0x10, IommuMode::one_level},
        Case{"base, 16 bits", {of_device(0xffff), 0}, IodirInvalDdt{0xffff}, 0x10, IommuMode::two_levels},
        Case{"base, 17 bits of 16", {of_device(0x10000), 0}, kIllegal, 0x10, IommuMode::two_levels},
        Case{"base, 24 bits", {of_device(0xffffff), 0}, IodirInvalDdt{0xffffff}, 0x10, IommuMode::three_levels},
        Case{"Off", {of_device(0xffffff), 0}, IodirInvalDdt{0xffffff}, kAll, IommuMode::off},
        Case{"Bare", {of_device(0xffffff), 0}, IodirInvalDdt{0xffffff}, kAll, IommuMode::bare},
        Case{"PDT, 7 bits of 6", {kPdt | kDv | 64ull << 40, 0}, kIllegal, kAll, IommuMode::one_level},
        Case{"ignored DID", {kDdt | 64ull << 40, 0}, IodirInvalDdt{}, kAll, IommuMode::one_level}));

// PCIe 5.0, 10.3.1: payload with S is the address with its range; "00" 4 KiB, then the lowest 0 tells.
constexpr AtsInval range(Addr address, std::uint8_t shift) {
  return {.to = {}, .address = address, .page_shift = shift};
}

INSTANTIATE_TEST_SUITE_P(
    Ats, Commands,
    ::testing::Values(
        Case{"INVAL",
             {kInval | 0x1234ull << 40, 0x7000},
             AtsInval{.to = {.requester = 0x1234, .segment = {}, .process_id = {}}, .address = 0x7000}},
        Case{"ignored PID and DSEG", {kInval | 0xfffffull << 12 | 0xffull << 56, 0}, AtsInval{}},
        Case{"of a process in a segment",
             {kInval | kPv | kDsv | 0xabcdeull << 12 | 0x12ull << 56 | 0x3456ull << 40, 1},
             AtsInval{.to = {.requester = 0x3456, .segment = 0x12, .process_id = 0xabcde}, .all_processes = true}},
        Case{"4 KiB", {kInval, 0xfffffffffffff000}, range(0xfffffffffffff000, 12)},
        Case{"8 KiB", {kInval, 0x4800}, range(0x4000, 13)}, Case{"16 KiB", {kInval, 0x5800}, range(0x4000, 14)},
        Case{"2 MiB", {kInval, 0x402ff800}, range(0x40200000, 21)},
        Case{"half of everything", {kInval, 0xbffffffffffff800}, range(0x8000000000000000, 63)},
        Case{"everything", {kInval, 0x7ffffffffffff800}, range(0, 64)},
        Case{"everything and more", {kInval, 0xfffffffffffff800}, range(0, 64)},
        Case{"PRGR success",
             {kPrgr | 5ull << 40, 0x1ffull << 32},
             AtsPrgr{.to = {.requester = 5, .segment = {}, .process_id = {}}, .group = 0x1ff}},
        Case{"PRGR invalid", {kPrgr, 1ull << 44}, AtsPrgr{.to = {}, .response = PageResponse::invalid_request}},
        Case{"PRGR failure", {kPrgr, 15ull << 44}, AtsPrgr{.to = {}, .response = PageResponse::failure}},
        Case{"PRGR reserved code", {kPrgr, 2ull << 44}, AtsPrgr{.to = {}, .response = PageResponse::failure}},
        Case{"PRGR of a process", {kPrgr | kPv | 3ull << 12, 0}, AtsPrgr{.to = {.segment = {}, .process_id = 3}}},
        Case{"INVAL without ATS", {kInval, 0}, kIllegal, kAll & ~kAts},
        Case{"PRGR without ATS", {kPrgr, 0}, kIllegal, kAll & ~kAts}));

TEST(Commands, ADestinationsSegmentIsAboveItsRequester) {
  EXPECT_EQ((AtsDestination{.requester = 0x3456, .segment = 0x12, .process_id = {}}).device_id(), 0x123456u);
  EXPECT_EQ((AtsDestination{.requester = 0x3456, .segment = {}, .process_id = {}}).device_id(), 0x3456u);
}

// Each bit of each command, alone: a reserved one makes the command illegal, no other does.
struct Layout {
  const char* what;
  std::uint64_t words;
  std::vector<std::pair<unsigned, unsigned>> reserved;  // last, first bit of 128
};

TEST(Commands, EveryReservedBitIsIllegal) {
  const std::vector<Layout> layouts{
      {"VMA", kVma, {{11, 11}, {43, 34}, {63, 60}, {73, 64}, {127, 126}}},
      {"GVMA", kGvma, {{11, 11}, {32, 32}, {43, 34}, {63, 60}, {73, 64}, {127, 126}}},
      {"IOFENCE", kFence, {{31, 14}, {127, 126}}},
      {"DDT", kDdt, {{11, 10}, {31, 12}, {32, 32}, {39, 34}, {127, 64}}},
      {"PDT", kPdt | kDv, {{11, 10}, {32, 32}, {39, 34}, {127, 64}}},
      {"ATS.INVAL", kInval, {{11, 10}, {39, 34}}},
      {"ATS.PRGR", kPrgr, {{11, 10}, {39, 34}}},
  };
  for (const Layout& layout : layouts) {
    for (unsigned index = 10; index < 128; ++index) {
      std::array<std::uint64_t, 2> words{layout.words, 0};
      words[index / 64] |= bit(index % 64);
      const IommuCommand command = decode_command(words, {kAll}, IommuMode::three_levels, true);
      bool reserved = false;
      for (const auto& [last, first] : layout.reserved) reserved |= first <= index && index <= last;
      EXPECT_EQ(std::holds_alternative<IllegalCommand>(command), reserved) << layout.what << " bit " << index;
    }
  }
}

TEST(EncodedCommands, HaveTheSpecificationsWords) {
  using Words = std::array<std::uint64_t, 2>;
  EXPECT_EQ(encode_command(IotinvalVma{.gscid = {}, .pscid = 0xabcde, .address = 0xffffffc000001000}),
            (Words{kVma | kAv | kPscv | 0xabcdeull << 12, 0xffffffc000001ull << 10}));
  EXPECT_EQ(
      encode_command(IofenceC{
          .orders_reads = true, .orders_writes = true, .store = IofenceC::Store{.address = 0x80001004, .data = 7}}),
      (Words{kFence | kAv | bit(12) | bit(13) | 7ull << 32, 0x20000401}));
  EXPECT_EQ(encode_command(IodirInvalDdt{5}), (Words{kDdt | kDv | 5ull << 40, 0}));
  // 2 MiB: address bits 19:12 and S are ones, bit 20 is zero.
  EXPECT_EQ(encode_command(AtsInval{
                .to = {.requester = 8, .segment = {}, .process_id = {}}, .address = 0x40200000, .page_shift = 21}),
            (Words{kInval | 8ull << 40, 0x402ff800}));
  EXPECT_EQ(encode_command(AtsInval{.page_shift = 64})[1], 0x7ffffffffffff800u);
  EXPECT_EQ(encode_command(AtsPrgr{.to = {.requester = 8, .segment = 2, .process_id = 3},
                                   .group = 0x1ff,
                                   .response = PageResponse::invalid_request}),
            (Words{kPrgr | kPv | kDsv | 3ull << 12 | 8ull << 40 | 2ull << 56, 0x1ffull << 32 | 1ull << 44}));
}

}  // namespace pagoda::iommu_commands_test
