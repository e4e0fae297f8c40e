// The rules of "Device-context configuration checks" and "Process-context configuration checks", one case each.
// RISC-V IOMMU Architecture Specification 1.0, chapter "Data Structures".
#include "pagoda/iommu/device_context.h"

#include <gtest/gtest.h>

namespace pagoda::device_context_test {

constexpr std::uint64_t kSv39 = std::uint64_t{8} << 60;
constexpr std::uint64_t kPd20 = std::uint64_t{3} << 60;

enum : unsigned {
  kEnAts = 1,
  kEnPri = 2,
  kT2gpa = 3,
  kPdtv = 5,
  kPrpr = 6,
  kGade = 7,
  kSade = 8,
  kDpe = 9,
  kSbe = 10,
  kSxl = 11
};

constexpr std::uint64_t bit(unsigned index) { return std::uint64_t{1} << index; }
constexpr std::uint64_t tc(std::initializer_list<unsigned> set) {
  std::uint64_t value = 1;
  for (const unsigned index : set) value |= bit(index);
  return value;
}

// Everything but 32-bit schemes, big-endian structures and QoS.
constexpr std::uint64_t kAll = 0x10 | bit(9) | bit(10) | bit(11) | bit(15) | bit(17) | bit(18) | bit(19) | bit(22) |
                               bit(23) | bit(24) | bit(25) | bit(26) | bit(38) | bit(39) | bit(40);

struct Case {
  const char* rule;
  DeviceContext context;
  bool misconfigured;
  std::uint64_t missing = 0;  // capabilities that are not there
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.rule; }

struct DeviceContexts : ::testing::TestWithParam<Case> {};

TEST_P(DeviceContexts, FollowTheRules) {
  const IommuSetup setup{.capabilities = {kAll & ~GetParam().missing}};
  EXPECT_EQ(GetParam().context.misconfigured(setup), GetParam().misconfigured);
}

constexpr std::uint64_t kGuest = kSv39 | 4;  // a root that is aligned to 16 KiB

INSTANTIATE_TEST_SUITE_P(
    Rules, DeviceContexts,
    ::testing::Values(
        Case{"plain", {.tc = tc({})}, false},
        Case{"two stages", {.tc = tc({}), .iohgatp = kGuest, .fsc = kSv39 | 5}, false},
        Case{"1: reserved bit of tc", {.tc = tc({12})}, true},
        Case{"1: reserved high bit of tc", {.tc = tc({32})}, true}, Case{"custom bit of tc", {.tc = tc({24})}, false},
        Case{"1: reserved bit of fsc", {.tc = tc({}), .fsc = kSv39 | bit(44)}, true},
        Case{"1: reserved bit of ta", {.tc = tc({}), .ta = 1}, true},
        Case{"1: QoS identifiers without QOSID", {.tc = tc({}), .ta = bit(40)}, true},
        Case{"PSCID", {.tc = tc({}), .ta = bit(12) | bit(31)}, false},
        Case{"1: reserved bit of the MSI mask", {.tc = tc({}), .msi_addr_mask = bit(52)}, true},
        Case{"1: reserved bit of the MSI pattern", {.tc = tc({}), .msi_addr_pattern = bit(63)}, true},
        Case{"1: reserved last word", {.tc = tc({}), .reserved = 1}, true},
        Case{"2: EN_ATS without ATS", {.tc = tc({kEnAts})}, true, bit(25)}, Case{"EN_ATS", {.tc = tc({kEnAts})}, false},
        Case{"3: T2GPA without EN_ATS", {.tc = tc({kT2gpa}), .iohgatp = kGuest}, true},
        Case{"4: EN_PRI without EN_ATS", {.tc = tc({kEnPri})}, true},
        Case{"5: PRPR without EN_PRI", {.tc = tc({kEnAts, kPrpr})}, true},
        Case{"EN_PRI and PRPR", {.tc = tc({kEnAts, kEnPri, kPrpr})}, false},
        Case{"6: T2GPA not supported", {.tc = tc({kEnAts, kT2gpa}), .iohgatp = kGuest}, true, bit(26)},
        Case{"7: T2GPA without second stage", {.tc = tc({kEnAts, kT2gpa})}, true},
        Case{"T2GPA", {.tc = tc({kEnAts, kT2gpa}), .iohgatp = kGuest}, false},
        Case{"8: PD20 not supported", {.tc = tc({kPdtv}), .fsc = kPd20}, true, bit(40)},
        Case{"8: reserved pdtp.MODE", {.tc = tc({kPdtv}), .fsc = std::uint64_t{4} << 60}, true},
        Case{"PD20", {.tc = tc({kPdtv}), .fsc = kPd20}, false},
        Case{"9: reserved iosatp.MODE", {.tc = tc({}), .fsc = std::uint64_t{1} << 60}, true},
        Case{"10: Sv39 not supported", {.tc = tc({}), .fsc = kSv39}, true, bit(9)},
        Case{"12: DPE without PDTV", {.tc = tc({kDpe})}, true},
        Case{"DPE", {.tc = tc({kPdtv, kDpe}), .fsc = kPd20}, false},
        Case{"13: reserved iohgatp.MODE", {.tc = tc({}), .iohgatp = std::uint64_t{7} << 60}, true},
        Case{"14: Sv39x4 not supported", {.tc = tc({}), .iohgatp = kGuest}, true, bit(17)},
        Case{"16: reserved msiptp.MODE", {.tc = tc({}), .msiptp = std::uint64_t{2} << 60}, true},
        Case{"17: second-stage root not aligned", {.tc = tc({}), .iohgatp = kSv39 | 6}, true},
        Case{"18: SADE without AMO_HWAD", {.tc = tc({kSade})}, true, bit(24)},
        Case{"18: GADE without AMO_HWAD", {.tc = tc({kGade})}, true, bit(24)},
        Case{"SADE and GADE", {.tc = tc({kSade, kGade})}, false}, Case{"19: SBE without END", {.tc = tc({kSbe})}, true},
        Case{"20: SXL although GXL is 0 and fixed", {.tc = tc({kSxl})}, true}));

TEST(ProcessContexts, FollowTheRules) {
  const IommuSetup setup{.capabilities = {kAll}};
  const auto misconfigured = [&](ProcessContext context) { return context.misconfigured(setup, {}); };
  EXPECT_FALSE(misconfigured({.ta = 7, .fsc = kSv39 | 9}));
  EXPECT_FALSE(misconfigured({.ta = 1 | bit(12) | bit(31), .fsc = 0})) << "PSCID, Bare";
  EXPECT_TRUE(misconfigured({.ta = 1 | bit(3), .fsc = kSv39}));
  EXPECT_TRUE(misconfigured({.ta = 1 | bit(32), .fsc = kSv39}));
  EXPECT_TRUE(misconfigured({.ta = 1, .fsc = kSv39 | bit(59)}));
  EXPECT_TRUE(misconfigured({.ta = 1, .fsc = std::uint64_t{11} << 60}));
}

TEST(DirectoryEntries, HaveOnlyAValidBitAndAPageNumber) {
  EXPECT_EQ(DirectoryEntry{0x80001 << 10 | 1}.table(), 0x80001000u);
  EXPECT_FALSE(DirectoryEntry{0x80001 << 10 | 1}.misconfigured());
  EXPECT_TRUE(DirectoryEntry{3}.misconfigured());
  EXPECT_TRUE(DirectoryEntry{bit(54) | 1}.misconfigured());
}

}  // namespace pagoda::device_context_test
