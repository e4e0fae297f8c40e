// encode_leaf and decode undo each other: for every format, level and random leaf that can be expressed, what was said
// is what is read; and what decode reads can be written again to mean the same.
#include <random>

#include <gtest/gtest.h>

#include "pagoda/paging/page_entry.h"

namespace pagoda::entry_codec_test {

using Random = std::mt19937_64;

class Codec : public testing::TestWithParam<const char*> {
 protected:
  const PageFormat& format() const { return *find_page_format(GetParam()); }
  static StageControls random_controls(Random& random) {
    const auto flag = [&] { return (random() & 1) != 0; };
    StageControls controls;
    controls.physical_bits = flag() ? 52 : 44;
    controls.riscv = {.svnapot = flag(), .svrsw60t59b = flag(), .pbmte = flag()};
    controls.x86 = {.nxe = flag(), .gigabyte_pages = flag(), .pat = flag() ? 0x0501040600070406U : 0x0007040600070406U};
    controls.ept = {
        .accessed_dirty = flag(), .execute_only = flag(), .mode_based_execute = flag(), .gigabyte_pages = flag()};
    controls.arm.ha = flag();
    controls.arm.hd = controls.arm.ha && flag();
    controls.arm.fwb = false;
    return controls;
  }
  // Rights that the family cannot tell apart are compared as equal.
  Rights visible(const StageControls& controls, Rights rights) const {
    if (format().family == Family::ept || format().family == Family::armv8_stage2) {
      rights = (rights | Rights::user) & ~Rights::global;
    }
    if (format().family == Family::ept && !controls.ept.accessed_dirty) rights |= kFlags;
    if (format().family == Family::armv8_stage1 || format().family == Family::armv8_stage2) {
      // Dirty means "written to" only for what may be written, and only if hardware manages it.
      if (!has(rights, Rights::write)) rights &= ~Rights::dirty;
      if (has(rights, Rights::write) && !controls.arm.hd) rights |= Rights::dirty;
    }
    return rights;
  }
};

INSTANTIATE_TEST_SUITE_P(AllFormats, Codec,
                         testing::Values("x86-64-4", "x86-64-5", "ept-4", "ept-5", "sv39", "sv48", "sv57", "sv39x4",
                                         "sv48x4", "sv57x4", "armv8-s1", "armv8-s2", "armv8-s1-30", "armv8-s2-40-l1"));

TEST_P(Codec, WhatIsSaidIsWhatIsRead) {
  Random random(1);
  unsigned expressed = 0;
  for (unsigned round = 0; round < 20000; ++round) {
    const StageControls controls = random_controls(random);
    const auto level = static_cast<unsigned>(random() % format().levels);
    LeafSpec leaf;
    leaf.address = random() & low_mask(44) & ~low_mask(PageFormat::shift(level));
    leaf.rights = static_cast<Rights>(random() & 0xff);
    leaf.memory_type = static_cast<MemoryType>(random() % kMemoryTypes);
    leaf.extra = random() & extra_bits(format(), controls) & ~(format().family == Family::ept ? 1ULL << 6 : 0);
    const std::optional<std::uint64_t> value = encode_leaf(format(), controls, level, leaf);
    if (!value) continue;
    ++expressed;
    const Entry entry = decode(format(), controls, level, *value);
    ASSERT_EQ(entry.kind, EntryKind::leaf) << std::hex << *value;
    ASSERT_EQ(entry.address, leaf.address);
    ASSERT_EQ(entry.page_shift, PageFormat::shift(level));
    ASSERT_EQ(to_string(entry.rights), to_string(visible(controls, leaf.rights))) << std::hex << *value;
    ASSERT_EQ(*value & extra_bits(format(), controls), leaf.extra);
    const bool ordinary = leaf.memory_type == MemoryType::platform || leaf.memory_type == MemoryType::write_back;
    const bool ordinary_read = entry.memory_type == MemoryType::platform || entry.memory_type == MemoryType::write_back;
    ASSERT_TRUE(ordinary ? ordinary_read : entry.memory_type == leaf.memory_type);
  }
  EXPECT_GT(expressed, 200U);
}

TEST_P(Codec, WhatIsReadCanBeSaidAgain) {
  Random random(2);
  unsigned leaves = 0;
  for (unsigned round = 0; round < 40000; ++round) {
    const StageControls controls = random_controls(random);
    const auto level = static_cast<unsigned>(random() % format().levels);
    // Mostly legal values: random in the low and software bits, aligned frames.
    std::uint64_t value = random() & (low_mask(12) | format().software_mask | bit_range(39, 30));
    if (random() % 2 == 0) value |= 3;
    const Entry entry = decode(format(), controls, level, value);
    if (entry.kind != EntryKind::leaf) continue;
    ++leaves;
    const LeafSpec leaf = leaf_spec(format(), controls, level, 0, entry, value);
    const std::optional<std::uint64_t> again = encode_leaf(format(), controls, level, leaf);
    ASSERT_TRUE(again) << std::hex << value;
    const Entry second = decode(format(), controls, level, *again);
    ASSERT_EQ(to_string(second.rights), to_string(entry.rights)) << std::hex << value << ' ' << *again;
    ASSERT_EQ(second.address, entry.address);
    ASSERT_EQ(second.page_shift, entry.page_shift);
    ASSERT_EQ(second.memory_type, entry.memory_type);
  }
  EXPECT_GT(leaves, 500U);
}

TEST_P(Codec, FlagsAreSetWithoutTouchingAnythingElse) {
  Random random(3);
  for (unsigned round = 0; round < 20000; ++round) {
    StageControls controls = random_controls(random);
    controls.arm.ha = controls.arm.hd = true;
    controls.ept.accessed_dirty = true;
    LeafSpec leaf{.address = random() & low_mask(44) & ~low_mask(12), .rights = static_cast<Rights>(random() & 0xff)};
    leaf.rights |= Rights::write;
    const std::optional<std::uint64_t> value = encode_leaf(format(), controls, 0, leaf);
    if (!value) continue;
    const Entry before = decode(format(), controls, 0, *value);
    const Entry after = decode(format(), controls, 0, with_flags(format(), *value, kFlags));
    ASSERT_EQ(to_string(after.rights), to_string(before.rights | kFlags));
    ASSERT_EQ(after.address, before.address);
    ASSERT_EQ(with_flags(format(), with_flags(format(), *value, kFlags), kFlags), with_flags(format(), *value, kFlags));
  }
}

TEST_P(Codec, TablesPointWhereTheyAreSaidTo) {
  for (unsigned level = 1; level < format().levels; ++level) {
    for (const Addr table : {Addr{0x1000}, Addr{0xfff'ffff'f000}}) {
      const Entry entry = decode(format(), {}, level, encode_table(format(), table));
      EXPECT_EQ(entry.kind, EntryKind::table);
      EXPECT_EQ(entry.address, table);
      EXPECT_TRUE(has(entry.rights, kPermissions));
    }
  }
}

TEST_P(Codec, ArbitraryBitsAreDecodedWithoutHarm) {
  Random random(4);
  for (unsigned round = 0; round < 50000; ++round) {
    const StageControls controls = random_controls(random);
    const auto level = static_cast<unsigned>(random() % format().levels);
    const Entry entry = decode(format(), controls, level, random());
    ASSERT_EQ(entry.kind == EntryKind::invalid, entry.cause != FaultCause::none);
    if (entry.kind == EntryKind::leaf) {
      ASSERT_EQ(entry.address & low_mask(entry.page_shift), 0U);
    }
    if (entry.kind == EntryKind::table) {
      ASSERT_GT(level, 0U);
    }
  }
}

TEST(Encode, RefusesWhatTheFormatCannotSay) {
  const auto encode = [](const char* name, unsigned level, LeafSpec leaf, const StageControls& controls = {}) {
    return encode_leaf(*find_page_format(name), controls, level, leaf).has_value();
  };
  const Rights rw = Rights::read | Rights::write | Rights::user;
  EXPECT_TRUE(encode("sv39", 0, {.rights = rw}));
  EXPECT_FALSE(encode("sv39", 0, {.rights = Rights::write | Rights::user}));       // write without read
  EXPECT_FALSE(encode("sv39", 0, {.rights = rw | Rights::execute}));               // execute for one mode only
  EXPECT_FALSE(encode("sv39", 0, {.rights = Rights::user}));                       // nothing granted
  EXPECT_FALSE(encode("sv39", 0, {.rights = rw, .memory_type = MemoryType::io}));  // Svpbmt off
  EXPECT_FALSE(encode("sv39", 0, {.rights = rw, .group = true}));                  // Svnapot off
  EXPECT_FALSE(encode("sv39", 1, {.address = 0x1000, .rights = rw}));              // misaligned
  EXPECT_FALSE(encode("sv39", 0, {.address = 1ULL << 56, .rights = rw}));          // 56-bit physical addresses
  EXPECT_TRUE(encode("sv39", 0, {.address = 1ULL << 55, .rights = rw}));
  EXPECT_FALSE(encode("sv39", 0, {.rights = rw, .extra = 1ULL << 59}));           // Svrsw60t59b off
  EXPECT_FALSE(encode("sv39", 3, {.rights = rw}));                                // no such level
  EXPECT_FALSE(encode("x86-64-4", 3, {.rights = rw}));                            // no 512 GiB pages
  EXPECT_FALSE(encode("x86-64-4", 0, {.rights = Rights::user | Rights::write}));  // not readable
  EXPECT_FALSE(encode("x86-64-4", 0, {.rights = rw}, {.x86 = {.nxe = false}}));   // cannot forbid execution
  EXPECT_FALSE(encode("x86-64-4", 2, {.rights = rw}, {.x86 = {.gigabyte_pages = false}}));
  EXPECT_FALSE(encode("x86-64-4", 0, {.address = 1ULL << 40, .rights = rw}, {.physical_bits = 40}));
  EXPECT_FALSE(encode("ept-4", 0, {.rights = Rights::write | Rights::user}));
  EXPECT_FALSE(encode("ept-4", 0, {.rights = kExecuteBoth}, {.ept = {.execute_only = false}}));
  EXPECT_TRUE(encode("ept-4", 0, {.rights = kExecuteBoth}));
  EXPECT_FALSE(encode("armv8-s1", 0, {.rights = Rights::write | Rights::user}));
  EXPECT_TRUE(encode("armv8-s2", 0, {.rights = Rights::write | Rights::user}));
}

}  // namespace pagoda::entry_codec_test
