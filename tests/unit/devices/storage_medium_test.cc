// Storage media: times against closed forms, contents against a copy, and what goes wrong.
#include "pagoda/devices/storage_medium.h"

#include <numeric>

#include <gtest/gtest.h>

#include "pagoda/devices/flash_medium.h"
#include "pagoda/devices/remote_memory.h"

namespace pagoda::storage_medium_test {

using Bytes4K = std::vector<unsigned char>;

constexpr std::uint64_t kUnit = 4096;
constexpr Ps kRead = 3 * kMicrosecond;
constexpr Ps kProgram = 100 * kMicrosecond;
constexpr Ps kErase = kMillisecond;
constexpr Ps kSuspend = 2 * kMicrosecond;
constexpr Ps kController = 8 * kMicrosecond;
constexpr Ps kBus = 200 * kNanosecond + 4'096'000;  // command, and a page at 1 GB/s
constexpr Ps kData = 2'048'000;                     // a unit at 2 GB/s

FlashConfig small_flash() {
  return {.channels = 2,
          .dies = 2,
          .page = {kUnit},
          .pages_per_block = 8,
          .read = {kRead},
          .program = {kProgram},
          .erase = {kErase},
          .suspend = {kSuspend},
          .channel_rate = {1e9},
          .command = {200 * kNanosecond},
          .controller = {kController},
          .controller_rate = {2e9},
          .write_buffer = {64 * kUnit},
          .over_provision = 0.28};
}

MediumConfig medium_of(const FlashConfig& flash, std::uint64_t units = 256) {
  return {.capacity = {units * kUnit}, .block = {kUnit}, .flash = flash};
}

Bytes4K pattern(unsigned value, std::uint64_t units = 1) {
  Bytes4K bytes(units * kUnit);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<unsigned char>(value + i / kUnit + i % kUnit % 7);
  return bytes;
}

// A medium with its units in place already, at no time.
struct Filled {
  FlashMedium medium;
  explicit Filled(const FlashConfig& flash, std::uint64_t units = 256) : medium(medium_of(flash, units)) {
    for (std::uint64_t unit = 0; unit < 16; ++unit) medium.poke(unit, pattern(static_cast<unsigned>(unit)));
  }
  MediumAnswer read(std::uint64_t first, std::uint64_t count, Ps at) {
    Bytes4K bytes(count * kUnit);
    const MediumAnswer answer = medium.read({first, count, at, 0}, bytes);
    if (answer.ok()) {
      EXPECT_EQ(bytes, pattern(static_cast<unsigned>(first), count));
    }
    return answer;
  }
  MediumAnswer write(std::uint64_t first, Ps at, std::uint64_t count = 1) {
    return medium.write({first, count, at, 0}, pattern(static_cast<unsigned>(first), count));
  }
};

TEST(FlashTiming, AReadIsControllerSensingChannelAndDataPath) {
  Filled flash(small_flash());
  const MediumAnswer answer = flash.read(0, 1, 1000);
  EXPECT_EQ(answer.done, 1000 + kController + kRead + kBus + kData);
  EXPECT_EQ(answer.queue, 0u);
}

TEST(FlashTiming, BlocksNeverWrittenNeedNoDie) {
  Filled flash(small_flash());
  Bytes4K bytes(kUnit, 1);
  EXPECT_EQ(flash.medium.read({100, 1, 0, 0}, bytes).done, kController + kData);
  EXPECT_EQ(bytes, Bytes4K(kUnit, 0));
}

TEST(FlashTiming, DiesOfOneCommandWorkAtTheSameTime) {
  Filled flash(small_flash());  // four dies, two on a channel: units 0 to 3 are on one each
  const MediumAnswer answer = flash.read(0, 4, 0);
  EXPECT_EQ(answer.done, kController + kRead + 2 * kBus + 4 * kData);
  EXPECT_EQ(answer.queue, kBus) << "the second on its channel waits for the first";
}

TEST(FlashTiming, ADieServesOneReadAtATime) {
  Filled flash(small_flash());
  const Ps first = flash.read(0, 1, 0).done;
  const MediumAnswer second = flash.read(4, 1, 0);
  EXPECT_EQ(second.done, first + kRead + kBus);
  EXPECT_EQ(second.queue, kRead + kBus);
  EXPECT_EQ(flash.read(1, 1, 0).queue, kData) << "another die: only the data path is shared";
}

TEST(FlashTiming, UnitsOfOnePageAreSensedTogether) {
  FlashConfig config = small_flash();
  config.page = {4 * kUnit};
  Filled flash(config);
  EXPECT_EQ(flash.read(0, 4, 0).done, kController + kRead + 200 * kNanosecond + 4 * 4'096'000 + 4 * kData);
}

TEST(FlashTiming, AWriteIsSafeInTheBuffer) {
  Filled flash(small_flash());
  const MediumAnswer answer = flash.write(40, 500);
  EXPECT_EQ(answer.done, 500 + kData + kController);
  EXPECT_EQ(answer.queue, 0u);
  EXPECT_EQ(flash.medium.all_written(), answer.done);
}

TEST(FlashTiming, WhatIsInTheBufferIsReadFromThere) {
  Filled flash(small_flash());
  const Ps written = flash.write(40, 0).done;
  EXPECT_EQ(flash.read(40, 1, written).done, written + kController + kData);
  const Ps programmed = written + kBus + kProgram;
  EXPECT_EQ(flash.read(40, 1, programmed - kController - 1).done, programmed - 1 + kData) << "a picosecond before";
  EXPECT_EQ(flash.read(40, 1, programmed - kController).done, programmed + kRead + kBus + kData);
}

TEST(FlashTiming, AReadSuspendsAProgram) {
  Filled flash(small_flash());
  const Ps ready = flash.write(40, 0).done;  // to die 0
  const Ps middle = ready + kBus + kProgram / 2;
  const MediumAnswer read = flash.read(0, 1, middle - kController);
  EXPECT_EQ(read.done, middle + kSuspend + kRead + kBus + kData);
  EXPECT_EQ(read.queue, kSuspend);
  const MediumAnswer next = flash.read(4, 1, middle - kController);
  EXPECT_EQ(next.done, read.done + kRead + kBus) << "while it is suspended, the next read does not wait for that";
  const Ps end = ready + kBus + kProgram + kSuspend + 2 * (kRead + kBus);
  EXPECT_EQ(flash.read(40, 1, end - kController - 1).done, end - 1 + kData) << "the program goes on for as long";
  EXPECT_EQ(flash.read(40, 1, end - kController).done, end + kRead + kBus + kData);
}

TEST(FlashTiming, WithoutSuspensionAReadWaitsForTheProgramUnderWay) {
  FlashConfig config = small_flash();
  config.suspends = false;
  Filled flash(config);
  const Ps end = flash.write(40, 0).done + kBus + kProgram;
  EXPECT_EQ(flash.read(0, 1, end - kController - 50 * kMicrosecond).done, end + kRead + kBus + kData);
}

TEST(FlashTiming, ReadsGoAheadOfProgramsThatWait) {
  FlashConfig config = small_flash();
  config.suspends = false;
  Filled flash(config);
  Ps ready = 0;
  for (std::uint64_t unit = 40; unit < 52; ++unit) ready = std::max(ready, flash.write(unit, 0).done);
  const Ps first_ends = kData + kController + kBus + kProgram;  // of three on die 0
  const MediumAnswer read = flash.read(0, 1, first_ends - kController - kMicrosecond);
  EXPECT_EQ(read.done, first_ends + kRead + kBus + kData);
}

TEST(FlashTiming, AFullBufferHoldsWritesBack) {
  FlashConfig config = small_flash();
  config.channels = config.dies = 1;
  config.write_buffer = {2 * kUnit};
  Filled flash(config);
  const Ps first = flash.write(40, 0).done;
  const Ps second = flash.write(41, 0).done;
  EXPECT_EQ(second, first + kData);
  const Ps programmed = first + kBus + kProgram;
  const MediumAnswer third = flash.write(42, 0);
  EXPECT_EQ(third.done, programmed);
  EXPECT_EQ(third.queue, programmed - (kData + kController));
  EXPECT_EQ(flash.write(43, 0).done, programmed + kBus + kProgram);
}

TEST(FlashTiming, InPlaceAWriteIsSafeWhenItsDieHasIt) {
  FlashConfig config = small_flash();
  config.in_place = true;
  config.suspends = false;
  config.write_buffer = {0};
  Filled flash(config);
  const MediumAnswer write = flash.write(0, 0);
  EXPECT_EQ(write.done, kData + kController + kBus + kProgram);
  EXPECT_EQ(write.queue, 0u);
  EXPECT_EQ(flash.read(4, 1, write.done - kController - 1000).done, write.done + kRead + kBus + kData);
  EXPECT_EQ(flash.read(1, 1, 0).done, kController + kRead + kBus + kData) << "the next unit is on the next die";
}

TEST(FlashTiming, APartOfAUnitIsWrittenByReadingTheRest) {
  MediumConfig config = medium_of(small_flash());
  config.block = {512};
  FlashMedium flash(config);
  flash.poke(0, pattern(3));
  const Bytes4K block(512, 0xee);
  const MediumAnswer answer = flash.write({1, 1, 0, 0}, block);
  EXPECT_EQ(answer.done, 256'000 + kController + kRead + kBus);
  Bytes4K expected = pattern(3);
  std::copy(block.begin(), block.end(), expected.begin() + 512);
  Bytes4K bytes(kUnit);
  flash.peek(0, bytes);
  EXPECT_EQ(bytes, expected);
}

// What the published figures say of the devices that the presets stand for, at queue depth 1.
TEST(FlashPresets, ReadsTakeWhatIsPublished) {
  const auto read_time = [](const char* name) {
    FlashMedium flash({.block = {kUnit}, .flash = find_flash_preset(name)->config});
    flash.poke(0, pattern(1));
    Bytes4K bytes(kUnit);
    return to_ns(flash.read({0, 1, 0, 0}, bytes).done) / 1000;
  };
  EXPECT_NEAR(read_time("z-nand"), 18, 1);
  EXPECT_NEAR(read_time("tlc-nvme"), 78, 2);
  EXPECT_LT(read_time("3d-xpoint"), 10);
  EXPECT_EQ(find_flash_preset("floppy"), nullptr);
  for (const FlashPreset& preset : flash_presets()) EXPECT_EQ(preset.config.preset, preset.name);
}

TEST(FlashPresets, XPointReadsHalfAMillionTimesASecond) {
  FlashMedium flash({.block = {kUnit}, .flash = find_flash_preset("3d-xpoint")->config});
  Bytes4K bytes(kUnit);
  Ps last = 0;
  constexpr std::uint64_t kReads = 4000;
  for (std::uint64_t i = 0; i < kReads; ++i) last = std::max(last, flash.read({i * 37 % 5000, 1, 0, 0}, bytes).done);
  EXPECT_NEAR(static_cast<double>(kReads) / to_seconds(last), 585'000, 20'000);
}

TEST(RemoteMemoryTiming, AnExchangeIsTwoMessagesAndTheServer) {
  RemoteMemory remote(
      {.kind = MediumKind::remote,
       .block = {kUnit},
       .remote = {.rate = {1e10}, .latency = {kMicrosecond}, .headers = {60}, .service = {500'000}, .servers = 1}});
  constexpr Ps kByte = 100;
  const MediumAnswer written = remote.write({5, 1, 0, 0}, pattern(9));
  EXPECT_EQ(written.done, (60 + kUnit + 60) * kByte + 2 * kMicrosecond + 500'000);
  EXPECT_EQ(written.queue, 0u);
  Bytes4K bytes(kUnit);
  const Ps at = kMillisecond;
  EXPECT_EQ(remote.read({5, 1, at, 0}, bytes).done, at + written.done);
  EXPECT_EQ(bytes, pattern(9));
  const MediumAnswer second = remote.read({5, 1, at, 0}, bytes);
  EXPECT_EQ(second.queue, 500'000u) << "for the server, which one of them has";
}

TEST(StorageMedium, CommandsForBlocksThatDoNotExistAreRefused) {
  Filled flash(small_flash());
  Bytes4K bytes(2 * kUnit);
  EXPECT_EQ(flash.medium.read({255, 2, 77, 0}, bytes).status, MediumStatus::out_of_range);
  EXPECT_EQ(flash.medium.write({256, 1, 77, 0}, bytes).done, 77u);
  EXPECT_EQ(flash.medium.discard({~std::uint64_t{0}, 2, 0, 0}).status, MediumStatus::out_of_range);
}

TEST(StorageMedium, PlannedFailuresHitTheNextCommandOfTheirKind) {
  Filled flash(small_flash());
  flash.medium.inject(MediumStatus::write_error);
  flash.medium.inject(MediumStatus::timed_out);
  EXPECT_EQ(flash.read(0, 1, 5).status, MediumStatus::timed_out);
  const MediumAnswer failed = flash.medium.write({0, 1, 5, 0}, pattern(99));
  EXPECT_EQ(failed.status, MediumStatus::write_error);
  EXPECT_EQ(failed.done, 5 + MediumFaultConfig{}.recovery.ps);
  EXPECT_TRUE(flash.read(0, 1, 5).ok()) << "and it holds what it held before";
}

TEST(StorageMedium, RatesOfFailuresFollowTheSeed) {
  MediumConfig config = medium_of(small_flash());
  config.faults = {.read_errors = 0.2, .write_errors = 0.1, .timeouts = 0.05, .seed = 4};
  std::vector<MediumStatus> first;
  for (int run = 0; run < 2; ++run) {
    const auto medium = make_medium(config);
    std::vector<MediumStatus> ended;
    for (int i = 0; i < 4000; ++i) ended.push_back(medium->read({0, 1, 0, 0}, {}).status);
    for (int i = 0; i < 4000; ++i) ended.push_back(medium->write({0, 1, 0, 0}, {}).status);
    if (run == 0) first = ended;
    EXPECT_EQ(ended, first);
  }
  const auto share = [&](MediumStatus status) {
    return static_cast<double>(std::count(first.begin(), first.end(), status)) / 4000;
  };
  EXPECT_NEAR(share(MediumStatus::read_error), 0.2, 0.03);
  EXPECT_NEAR(share(MediumStatus::write_error), 0.1, 0.02);
  EXPECT_NEAR(share(MediumStatus::timed_out), 0.1, 0.02);
}

}  // namespace pagoda::storage_medium_test
