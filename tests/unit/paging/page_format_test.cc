#include "pagoda/paging/page_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pagoda::page_format_test {

struct Expected {
  const char* name;
  unsigned levels;
  unsigned input_bits;
  unsigned root_index_bits;
  std::uint64_t root_bytes;
};

class Formats : public testing::TestWithParam<Expected> {};

TEST_P(Formats, HaveTheGeometryOfTheirSpecification) {
  const Expected& expected = GetParam();
  const PageFormat* format = find_page_format(expected.name);
  ASSERT_NE(format, nullptr);
  EXPECT_EQ(format->name(), expected.name);
  EXPECT_EQ(format->levels, expected.levels);
  EXPECT_EQ(format->input_bits, expected.input_bits);
  EXPECT_EQ(format->root_index_bits, expected.root_index_bits);
  EXPECT_EQ(format->root_bytes(), expected.root_bytes);
}

// SDM vol. 3A 4.5: 48 and 57 linear-address bits. RISC-V: Sv39/48/57; x4 roots take two more bits and 16 KiB. Arm ARM
// D8.2, 4 KiB granule: levels 0 to 3 resolve bits 47:39, 38:30, 29:21, 20:12; up to 16 concatenated stage 2 root
// tables.
INSTANTIATE_TEST_SUITE_P(
    All, Formats,
    testing::Values(Expected{"x86-64-4", 4, 48, 9, 4096}, Expected{"x86-64-5", 5, 57, 9, 4096},
                    Expected{"ept-4", 4, 48, 9, 4096}, Expected{"ept-5", 5, 57, 9, 4096},
                    Expected{"sv39", 3, 39, 9, 4096}, Expected{"sv48", 4, 48, 9, 4096},
                    Expected{"sv57", 5, 57, 9, 4096}, Expected{"sv39x4", 3, 41, 11, 16384},
                    Expected{"sv48x4", 4, 50, 11, 16384}, Expected{"sv57x4", 5, 59, 11, 16384},
                    Expected{"armv8-s1", 4, 48, 9, 4096}, Expected{"armv8-s2", 4, 48, 9, 4096},
                    Expected{"armv8-s1-39", 3, 39, 9, 4096}, Expected{"armv8-s1-40", 4, 40, 1, 16},
                    Expected{"armv8-s1-25", 2, 25, 4, 128}, Expected{"armv8-s1-30", 2, 30, 9, 4096},
                    Expected{"armv8-s1-31", 3, 31, 1, 16}, Expected{"armv8-s2-40", 4, 40, 1, 16},
                    Expected{"armv8-s2-40-l1", 3, 40, 10, 8192}, Expected{"armv8-s2-43-l1", 3, 43, 13, 65536},
                    Expected{"armv8-s2-34-l2", 2, 34, 13, 65536}, Expected{"armv8-s2-48-l0", 4, 48, 9, 4096}),
    [](const auto& test) {
      std::string name = test.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(Formats, UnknownNamesAndIllegalArmSizesAreNotFound) {
  for (const char* name : {"", "sv32", "x86-64", "armv8-s1-24", "armv8-s1-49", "armv8-s2-44-l1", "armv8-s2-30-l1",
                           "armv8-s2-35-l2", "armv8-s2-39-l0", "armv8-s1-040", "sv39 "}) {
    EXPECT_EQ(find_page_format(name), nullptr) << name;
  }
}

TEST(Formats, MainNamesAreListedAndFound) {
  EXPECT_EQ(page_format_names(),
            "x86-64-4, x86-64-5, ept-4, ept-5, sv39, sv48, sv57, sv39x4, sv48x4, sv57x4, armv8-s1, armv8-s2");
}

TEST(Formats, InputAddressesAreCheckedAtTheirEdges) {
  const auto accepts = [](const char* name, Addr input) { return find_page_format(name)->accepts(input); };
  EXPECT_TRUE(accepts("sv39", 0x3f'ffff'ffff));
  EXPECT_FALSE(accepts("sv39", 0x40'0000'0000));
  EXPECT_FALSE(accepts("sv39", 0xffff'ffbf'ffff'ffff));
  EXPECT_TRUE(accepts("sv39", 0xffff'ffc0'0000'0000));
  EXPECT_TRUE(accepts("x86-64-4", 0x7fff'ffff'ffff));
  EXPECT_FALSE(accepts("x86-64-4", 0x8000'0000'0000));
  EXPECT_TRUE(accepts("x86-64-5", 0xff00'0000'0000'0000));
  EXPECT_FALSE(accepts("x86-64-5", 0xfe00'0000'0000'0000));
  EXPECT_TRUE(accepts("sv39x4", 0x1ff'ffff'ffff));
  EXPECT_FALSE(accepts("sv39x4", 0x200'0000'0000));
  EXPECT_TRUE(accepts("ept-4", 0xffff'ffff'ffff));
  EXPECT_FALSE(accepts("ept-4", 0x1'0000'0000'0000));
  // Arm stage 1: all zeros or all ones above the input size; the sign is no matter of bit 38.
  EXPECT_TRUE(accepts("armv8-s1-39", 0x7f'ffff'ffff));
  EXPECT_FALSE(accepts("armv8-s1-39", 0x80'0000'0000));
  EXPECT_TRUE(accepts("armv8-s1-39", 0xffff'ff80'0000'0000));
  EXPECT_FALSE(accepts("armv8-s1-39", 0x7fff'ff80'0000'0000));
}

TEST(Formats, EntriesLieWhereTheIndexBitsSay) {
  const PageFormat& sv39x4 = *find_page_format("sv39x4");
  // Root index: bits 40:30, so up to 2047.
  EXPECT_EQ(sv39x4.entry_address(2, 0x4000, 0x1ff'ffff'ffff), 0x4000U + 2047 * 8);
  EXPECT_EQ(sv39x4.entry_address(1, 0x1000, 0x1ff'ffff'ffff), 0x1000U + 511 * 8);
  const PageFormat& sv48 = *find_page_format("sv48");
  EXPECT_EQ(sv48.entry_address(3, 0x1000, 0xffff'8000'0000'0000), 0x1000U + 256 * 8);
  EXPECT_EQ(sv48.entry_address(0, 0x1000, 0x5000), 0x1000U + 5 * 8);
}

}  // namespace pagoda::page_format_test
