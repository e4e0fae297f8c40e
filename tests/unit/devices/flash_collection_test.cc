// Flash that has to collect: contents against a copy, wear, and the end of its life.
#include <random>

#include <gtest/gtest.h>

#include "pagoda/devices/flash_medium.h"

namespace pagoda::flash_collection_test {

constexpr std::uint64_t kUnit = 4096;
constexpr std::uint64_t kBlock = 512;

FlashConfig tiny(std::uint64_t page) {
  return {.channels = 2,
          .dies = 2,
          .page = {page},
          .pages_per_block = 8,
          .write_buffer = {16 * page},
          .over_provision = 0.1};
}

double stat_of(StorageMedium& medium, const char* name) {
  StatNode root;
  StatReader reader(root);
  medium.visit_stats(reader, kSecond);
  return root.number(name);
}

struct Case {
  std::uint64_t page;
  bool in_place;
  unsigned seed;
};

class FlashContents : public ::testing::TestWithParam<Case> {};

// Several times its capacity, in ranges of blocks that cover parts of units, with discards in between.
TEST_P(FlashContents, AreWhatWasWritten) {
  const Case& test = GetParam();
  FlashConfig flash = tiny(test.page);
  flash.in_place = test.in_place;
  constexpr std::uint64_t kCapacity = 256 * kUnit;
  FlashMedium medium({.capacity = {kCapacity}, .block = {kBlock}, .flash = flash});
  std::vector<unsigned char> copy(kCapacity);
  std::mt19937_64 random(test.seed);
  Ps at = 0;
  const std::uint64_t blocks = kCapacity / kBlock;
  for (int step = 0; step < 2000; ++step) {
    const std::uint64_t first = random() % 4 == 0 ? random() % 64 : random() % (blocks - 24);
    const std::uint64_t count = 1 + random() % 24;
    const std::uint64_t bytes = count * kBlock;
    std::vector<unsigned char> data(bytes);
    switch (random() % 8) {
      case 0: {
        ASSERT_TRUE(medium.discard({first, count, at, at}).ok());
        std::fill_n(copy.begin() + static_cast<std::ptrdiff_t>(first * kBlock), bytes, static_cast<unsigned char>(0));
        break;
      }
      case 1:
      case 2: {
        const MediumAnswer answer = medium.read({first, count, at, at}, data);
        ASSERT_TRUE(answer.ok());
        ASSERT_TRUE(std::equal(data.begin(), data.end(), copy.begin() + static_cast<std::ptrdiff_t>(first * kBlock)));
        at = answer.done;
        break;
      }
      default: {
        for (unsigned char& byte : data) byte = static_cast<unsigned char>(random());
        const MediumAnswer answer = medium.write({first, count, at, at}, data);
        ASSERT_TRUE(answer.ok());
        ASSERT_GT(answer.done, at);
        std::copy(data.begin(), data.end(), copy.begin() + static_cast<std::ptrdiff_t>(first * kBlock));
        if (random() % 4 == 0) at = answer.done;
      }
    }
  }
  std::vector<unsigned char> all(kCapacity);
  medium.peek(0, all);
  EXPECT_EQ(all, copy);
  if (test.in_place) return;
  EXPECT_GT(stat_of(medium, "erasures"), 10);
  EXPECT_GT(stat_of(medium, "collected_units"), 0);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (unsigned seed = 0; seed < 8; ++seed) {
    for (const std::uint64_t page : {4096u, 16384u, 2048u}) all.push_back({page, false, seed});
  }
  all.push_back({4096, true, 8});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Seeds, FlashContents, ::testing::ValuesIn(cases()), [](const auto& test) {
  const Case& of = test.param;
  return std::to_string(of.page) + (of.in_place ? "InPlace" : "Mapped") + std::to_string(of.seed);
});

struct Writer {
  FlashMedium medium;
  Ps at = 0;
  std::mt19937_64 random{3};

  Writer(const FlashConfig& flash, std::uint64_t units)
      : medium({.capacity = {units * kUnit}, .block = {kUnit}, .flash = flash}) {}
  MediumStatus write(std::uint64_t unit) {
    const MediumAnswer answer = medium.write({unit, 1, at, at}, {});
    at = answer.done;
    return answer.status;
  }
};

TEST(FlashCollection, WhatIsWrittenInOrderAgainAndAgainNeedsNoMoving) {
  Writer writer(tiny(kUnit), 256);
  for (int round = 0; round < 10; ++round) {
    for (std::uint64_t unit = 0; unit < 256; ++unit) ASSERT_EQ(writer.write(unit), MediumStatus::ok);
  }
  EXPECT_EQ(stat_of(writer.medium, "write_amplification"), 1.0);
  EXPECT_EQ(stat_of(writer.medium, "units_written"), 2560);
  EXPECT_GT(stat_of(writer.medium, "erasures"), 200);
}

// Random writes: the more is provided on top, the less is moved.
TEST(FlashCollection, OverProvisioningSavesMoving) {
  double before = 100;
  for (const double extra : {1.0, 2.0, 3.0}) {
    FlashConfig flash = tiny(kUnit);
    flash.pages_per_block = 16;
    flash.over_provision = extra;
    Writer writer(flash, 1024);
    for (int i = 0; i < 20'000; ++i) ASSERT_EQ(writer.write(writer.random() % 1024), MediumStatus::ok);
    const double amplification = stat_of(writer.medium, "write_amplification");
    EXPECT_GE(amplification, 1);
    EXPECT_LT(amplification, before);
    before = amplification;
  }
}

TEST(FlashCollection, WearIsEvenUnderRandomWrites) {
  Writer writer(tiny(kUnit), 512);
  for (int i = 0; i < 60'000; ++i) ASSERT_EQ(writer.write(writer.random() % 512), MediumStatus::ok);
  EXPECT_LT(stat_of(writer.medium, "wear_most"), 1.5 * stat_of(writer.medium, "wear"));
}

TEST(FlashCollection, DiscardedUnitsAreNotMoved) {
  Writer kept(tiny(kUnit), 512);
  Writer given_up(tiny(kUnit), 512);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t unit = kept.random() % 512;
    ASSERT_EQ(kept.write(unit), MediumStatus::ok);
    ASSERT_EQ(given_up.write(unit), MediumStatus::ok);
    given_up.medium.discard({kept.random() % 512, 1, given_up.at, given_up.at});
  }
  EXPECT_LT(stat_of(given_up.medium, "write_amplification"), stat_of(kept.medium, "write_amplification"));
}

TEST(FlashCollection, AReadDuringCollectingWaitsForOneOperationAtMost) {
  FlashConfig flash = tiny(kUnit);
  flash.suspends = false;
  Writer writer(flash, 256);
  Ps longest = 0;
  for (int i = 0; i < 8000; ++i) {
    ASSERT_EQ(writer.write(writer.random() % 256), MediumStatus::ok);
    longest = std::max(longest, writer.medium.read({writer.random() % 256, 1, writer.at, writer.at}, {}).queue);
  }
  EXPECT_GT(longest, flash.program.ps) << "erasures are in the way";
  EXPECT_LT(longest, flash.erase.ps + 10 * kMicrosecond);
}

TEST(FlashCollection, AWornOutDeviceAnswersThatItIsFullAndStillReads) {
  FlashConfig flash = tiny(kUnit);
  flash.endurance = 5;
  Writer writer(flash, 256);
  std::vector<unsigned> copy(256);
  MediumStatus status = MediumStatus::ok;
  int written = 0;
  for (; status == MediumStatus::ok && written < 100'000; ++written) {
    const std::uint64_t unit = writer.random() % 256;
    const std::vector<unsigned char> bytes(kUnit, static_cast<unsigned char>(written));
    const MediumAnswer answer = writer.medium.write({unit, 1, writer.at, writer.at}, bytes);
    writer.at = answer.done;
    status = answer.status;
    if (answer.ok()) copy[unit] = static_cast<unsigned char>(written);
  }
  EXPECT_EQ(status, MediumStatus::full);
  EXPECT_GT(written, 256) << "not before its time";
  EXPECT_GT(stat_of(writer.medium, "worn_out"), 10);
  for (std::uint64_t unit = 0; unit < 256; ++unit) {
    std::vector<unsigned char> bytes(kUnit);
    ASSERT_TRUE(writer.medium.read({unit, 1, writer.at, writer.at}, bytes).ok());
    EXPECT_EQ(bytes, std::vector<unsigned char>(kUnit, static_cast<unsigned char>(copy[unit]))) << unit;
  }
}

TEST(FlashConfig, APresetGivesWhatIsNotWritten) {
  MediumConfig config;
  bind_config(parse_yaml("flash: {dies: 2, preset: tlc-nvme}", "test.yaml"), config);
  EXPECT_EQ(config.flash.dies, 2u);
  EXPECT_EQ(config.flash.page, find_flash_preset("tlc-nvme")->config.page);
  EXPECT_EQ(config.flash.preset, "tlc-nvme");
  EXPECT_THROW(bind_config(parse_yaml("flash: {preset: floppy}", "test.yaml"), config), UserError);
}

TEST(FlashConfig, ImpossibleOnesAreRefused) {
  EXPECT_ANY_THROW(validated(FlashConfig{.page = {5000}}));
  EXPECT_ANY_THROW(validated(FlashConfig{.page = {16384}, .write_buffer = {0}}));
  EXPECT_ANY_THROW(validated(MediumConfig{.capacity = {10'000}}));
  EXPECT_ANY_THROW(validated(MediumConfig{.block = {1000}}));
  EXPECT_ANY_THROW(validated(MediumConfig{.block = {4096}, .flash = {.page = {2048}}}));
  EXPECT_ANY_THROW(validated(MediumConfig{.faults = {.read_errors = 0.7, .timeouts = 0.7}}));
  for (const FlashPreset& preset : flash_presets()) EXPECT_NO_THROW(validated(preset.config)) << preset.name;
}

}  // namespace pagoda::flash_collection_test
