// A block device: commands in, blocks moved, completions out.
#include "pagoda/devices/block_device.h"

#include <random>

#include "support/ring_bench.h"
#include "support/simple_flash.h"

namespace pagoda::block_device_test {

using testing::RingBench;
using testing::Script;

constexpr Addr kPage = 4096;
constexpr std::uint32_t kBlock = 512;
constexpr Addr kSubmissions = 0x10 * kPage;  // device addresses
constexpr Addr kCompletions = 0x11 * kPage;
constexpr Addr kBuffers = 0x20 * kPage;  // 64 pages
constexpr Ps kRead = 60'000'000;
constexpr Ps kWrite = 15'000'000;
constexpr std::uint64_t kBlocks = (std::uint64_t{1} << 30) / kBlock;
constexpr std::uint64_t kBlocksPerUnit = 8;

MediumConfig simple_medium(std::uint32_t dies = 8) {
  return {.flash = testing::simple_flash({.channels = dies, .dies = 1, .read = kRead, .program = kWrite})};
}

struct BlockBench : RingBench {
  void build_device(const BlockDeviceConfig& config = {.medium = simple_medium()}, const DmaConfig& dma = {}) {
    device.emplace(config);
    build(*device, dma);
    host.map(kSubmissions / kPage, 1, 0x500);
    host.map(kCompletions / kPage, 1, 0x502);
    for (Addr i = 0; i < 64; ++i) host.map(kBuffers / kPage + i, 1, 0x700 - 2 * i);
  }
  void open(std::uint64_t submissions, std::uint64_t completions) {
    write(0x100, kSubmissions);
    write(0x108, kCompletions);
    write(0x110, completions);
    write_and_wait(0x118, submissions);
    submission_entries = static_cast<std::uint32_t>(submissions);
    completion_entries = static_cast<std::uint32_t>(completions);
    tail = head = 0;
    phase = true;
  }
  void put(const BlockCommand& command) {
    std::array<unsigned char, 64> bytes;
    command.encode(bytes);
    host.put(kSubmissions + tail * 64, bytes);
    tail = (tail + 1) % submission_entries;
  }
  void submit(const BlockCommand& command) {
    put(command);
    write(0x120, tail);
  }
  BlockCompletion peek(std::uint32_t index) {
    return BlockCompletion::decode(host.get<std::array<unsigned char, 16>>(kCompletions + index * 16));
  }
  // The next completion, if there is one, as a driver finds it: by its phase.
  std::optional<BlockCompletion> take() {
    const BlockCompletion completion = peek(head);
    if (completion.phase != phase) return std::nullopt;
    head = (head + 1) % completion_entries;
    if (head == 0) phase = !phase;
    return completion;
  }
  static BlockCommand command(BlockOpcode opcode, std::uint16_t id, Addr data, std::uint64_t first,
                              std::uint16_t blocks) {
    return {.opcode = static_cast<std::uint8_t>(opcode),
            .id = id,
            .data = data,
            .first_block = first,
            .blocks_less_one = static_cast<std::uint16_t>(blocks - 1)};
  }

  std::vector<unsigned char> block(std::uint64_t number) {
    std::vector<unsigned char> bytes(kBlock);
    device->medium().peek(number, bytes);
    return bytes;
  }
  void fill_block(std::uint64_t number, unsigned char value) {
    device->medium().poke(number, std::vector<unsigned char>(kBlock, value));
  }

  std::optional<BlockDevice> device;
  std::uint32_t submission_entries = 0, completion_entries = 0, tail = 0, head = 0;
  bool phase = true;
};

TEST_P(BlockBench, AReadTakesCommandMediumDataAndCompletion) {
  build_device();
  fill_block(7, 0x5a);
  Ps rung = 0;
  drive([&] {
    open(8, 8);
    rung = kernel_now();
    submit(command(BlockOpcode::read, 42, kBuffers + 256, 7, 1));
    wait_for_interrupts(1);
    const auto completion = take();
    ASSERT_TRUE(completion);
    EXPECT_EQ(completion->id, 42);
    EXPECT_EQ(completion->status, BlockStatus::success);
    EXPECT_EQ(completion->submission_head, 1);
    EXPECT_EQ(host.get<unsigned char>(kBuffers + 256), 0x5a);
    EXPECT_EQ(host.get<unsigned char>(kBuffers + 256 + kBlock - 1), 0x5a);
    EXPECT_EQ(host.get<unsigned char>(kBuffers + 256 + kBlock), 0);
  });
  // Two packets of 256 bytes follow each other: the second is issued a cycle later and waits for the wire.
  const Ps data = 2 * (24 + 256) * kByte + kWay + testing::HostBench::kMemory;
  EXPECT_EQ(interrupts.at(0).at, rung + doorbell_time() + read_time(64) + kRead + 2 * kBlock + data + write_time(16));
}

TEST_P(BlockBench, AWriteIsCompleteWhenTheMediumHasIt) {
  build_device();
  Ps rung = 0;
  drive([&] {
    open(8, 8);
    for (std::uint32_t i = 0; i < 256; ++i) host.put(kBuffers + i, static_cast<unsigned char>(i));
    rung = kernel_now();
    submit(command(BlockOpcode::write, 1, kBuffers, 100, 1));
    wait_for_interrupts(1);
    EXPECT_EQ(take()->status, BlockStatus::success);
  });
  EXPECT_EQ(block(100)[200], 200);
  // The second request is issued behind the first; its data follow on the wire.
  const Ps data = read_time(256) + (20 + 256) * kByte;
  EXPECT_EQ(interrupts.at(0).at, rung + doorbell_time() + read_time(64) + data + kWrite + 2 * kBlock + write_time(16));
}

TEST_P(BlockBench, AFlushWaitsForTheWritesBeforeIt) {
  build_device();
  drive([&] {
    open(8, 8);
    submit(command(BlockOpcode::write, 1, kBuffers, 100, 8));
    sc_core::wait(sc_core::sc_time(10, sc_core::SC_US));  // the data are at the medium
    submit(command(BlockOpcode::flush, 2, 0, 0, 1));
    wait_for_interrupts(2);
    EXPECT_EQ(take()->id, 1);
    EXPECT_EQ(take()->id, 2);
  });
}

// Random commands against a copy of the medium that the test keeps.
TEST_P(BlockBench, TheMediumHoldsWhatWasWritten) {
  build_device({.commands = 6, .medium = {.flash = {.channels = 2, .dies = 2, .pages_per_block = 4}}});
  constexpr std::uint64_t kUsed = 256;  // blocks
  std::vector<unsigned char> expected(kUsed * kBlock);
  std::mt19937_64 random(11);
  int done = 0;
  drive([&] {
    open(16, 5);
    for (int round = 0; round < 40; ++round) {
      struct Issued {
        BlockCommand command;
        Addr buffer;
      };
      std::vector<Issued> issued;
      const auto count = 1 + random() % 14;
      for (std::uint16_t i = 0; i < count; ++i) {  // each in its own part of the medium, as they end in any order
        const auto blocks = static_cast<std::uint16_t>(1 + random() % 16);
        const std::uint64_t first = i * 17 + random() % 2;
        const Addr buffer = kBuffers + i * 4 * kPage + random() % 64 * 4;
        const bool write = random() % 2 == 0;
        for (std::uint32_t byte = 0; write && byte < blocks * kBlock; ++byte) {
          const auto value = static_cast<unsigned char>(random());
          host.put(buffer + byte, value);
          expected[first * kBlock + byte] = value;
        }
        issued.push_back({command(write ? BlockOpcode::write : BlockOpcode::read, i, buffer, first, blocks), buffer});
        submit(issued.back().command);
      }
      for (std::size_t ended = 0; ended < count;) {
        settle();
        while (const auto completion = take()) {
          ASSERT_EQ(completion->status, BlockStatus::success);
          const auto& [asked, buffer] = issued.at(completion->id);
          for (std::uint32_t byte = 0; byte < asked.blocks() * kBlock; byte += 61) {
            ASSERT_EQ(host.get<unsigned char>(buffer + byte), expected[asked.first_block * kBlock + byte]);
          }
          ++ended;
          ++done;
        }
        write(0x128, head);
      }
    }
  });
  std::vector<unsigned char> medium(expected.size());
  device->medium().peek(0, medium);
  EXPECT_EQ(medium, expected);
  EXPECT_EQ(stat("engine.read_commands") + stat("engine.write_commands"), done);
  EXPECT_GT(done, 200);
  EXPECT_GT(stat("engine.completion_queue_full"), 0) << "more commands at a time than completions have room";
}

TEST_P(BlockBench, AFullCompletionQueueHoldsCompletionsBack) {
  build_device();
  drive([&] {
    open(16, 4);
    for (std::uint16_t i = 0; i < 10; ++i) put(command(BlockOpcode::flush, i, 0, 0, 1));
    write(0x120, tail);
    settle();
    EXPECT_EQ(interrupts.size(), 3u) << "one entry stays free";
    for (std::uint16_t i = 0; i < 3; ++i) EXPECT_EQ(take()->id, i);
    EXPECT_FALSE(take());
    write(0x128, 1);  // of three
    settle();
    EXPECT_EQ(interrupts.size(), 4u);
    write(0x128, 3);
    settle();
    for (std::uint16_t i = 3; i < 6; ++i) EXPECT_EQ(take()->id, i) << "with the phase of the next round";
    EXPECT_FALSE(take());
  });
}

TEST_P(BlockBench, CommandsThatMakeNoSenseAreCompletedWithTheirStatus) {
  build_device({.max_transfer = {64 * 1024}, .medium = simple_medium()});
  drive([&] {
    open(16, 16);
    const std::vector<std::pair<BlockCommand, BlockStatus>> cases{
        {{.opcode = 8, .id = 0}, BlockStatus::invalid_opcode},
        {command(BlockOpcode::read, 1, kBuffers, kBlocks, 1), BlockStatus::out_of_range},
        {command(BlockOpcode::write, 2, kBuffers, kBlocks - 1, 2), BlockStatus::out_of_range},
        {command(BlockOpcode::read, 3, kBuffers, ~std::uint64_t{0}, 2), BlockStatus::out_of_range},
        {command(BlockOpcode::read, 4, kBuffers, 0, 129), BlockStatus::invalid_field},
        {command(BlockOpcode::read, 5, 0x7000'0000, 0, 1), BlockStatus::data_transfer_error},
        {command(BlockOpcode::write, 6, kBuffers + 64 * kPage - 256, 50, 1), BlockStatus::data_transfer_error},
        {command(BlockOpcode::read, 7, kBuffers, kBlocks - 1, 1), BlockStatus::success}};
    fill_block(50, 77);
    for (const auto& [bad, status] : cases) put(bad);
    write(0x120, tail);
    settle();
    std::vector<bool> seen(cases.size());
    while (const auto completion = take()) {
      EXPECT_EQ(completion->status, cases.at(completion->id).second) << completion->id;
      seen[completion->id] = true;
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<std::ptrdiff_t>(cases.size()));
    EXPECT_TRUE(reported(DeviceError::bad_entry));
    EXPECT_TRUE(reported(DeviceError::data_fault));
    EXPECT_EQ(block(50)[0], 77) << "a write that fails changes nothing";
  });
  EXPECT_EQ(stat("engine.commands_failed"), 7);
}

TEST_P(BlockBench, ImpossibleQueuesAndIndicesAreReported) {
  build_device();
  drive([&] {
    open(8, 1);
    EXPECT_TRUE(reported(DeviceError::bad_ring));
    write_and_wait(0, ~0ull);
    open(70'000, 8);
    EXPECT_TRUE(reported(DeviceError::bad_ring));
    write_and_wait(0, ~0ull);
    open(8, 8);
    write_and_wait(0x120, 8);
    EXPECT_TRUE(reported(DeviceError::bad_index));
    write_and_wait(0, ~0ull);
    write_and_wait(0x128, 8);
    EXPECT_TRUE(reported(DeviceError::bad_index));
    write_and_wait(0, ~0ull);
    host.pages.erase(kCompletions / kPage);
    submit(command(BlockOpcode::flush, 1, 0, 0, 1));
    settle();
    EXPECT_TRUE(reported(DeviceError::record_fault));
  });
}

TEST_P(BlockBench, OpeningTheQueuesAnewForgetsCommandsUnderWay) {
  build_device({.commands = 4, .medium = simple_medium()});
  drive([&] {
    open(8, 8);
    for (std::uint16_t i = 0; i < 6; ++i) put(command(BlockOpcode::read, i, kBuffers, 0, 1));
    write(0x120, tail);
    sc_core::wait(sc_core::sc_time(20, sc_core::SC_US));  // they are at the medium
    open(8, 8);
    submit(command(BlockOpcode::read, 99, kBuffers, 0, 1));
    settle();
    EXPECT_EQ(take()->id, 99);
    EXPECT_FALSE(take());
    EXPECT_EQ(interrupts.size(), 1u);
  });
}

TEST_P(BlockBench, DiesServeOneCommandEach) {
  build_device({.medium = simple_medium(2)});
  drive([&] {
    open(16, 16);
    for (std::uint16_t i = 0; i < 8; ++i)
      put(command(BlockOpcode::read, i, kBuffers + i * kPage, i * kBlocksPerUnit, 1));
    write(0x120, tail);
    settle();
  });
  ASSERT_EQ(interrupts.size(), 8u);
  EXPECT_GE(interrupts[7].at - interrupts[0].at, 3 * kRead);
  EXPECT_LE(interrupts[7].at - interrupts[0].at, 3 * kRead + 2'000'000);
}

TEST_P(BlockBench, DeallocatedBlocksReadAsZero) {
  build_device();
  drive([&] {
    open(8, 8);
    for (std::uint64_t i = 0; i < 4; ++i) fill_block(i, 9);
    submit(command(BlockOpcode::deallocate, 1, 0, 1, 2));
    wait_for_interrupts(1);
    EXPECT_EQ(take()->status, BlockStatus::success);
  });
  EXPECT_EQ(block(0)[5], 9);
  EXPECT_EQ(block(1)[5], 0);
  EXPECT_EQ(block(2)[5], 0);
  EXPECT_EQ(block(3)[5], 9);
}

TEST_P(BlockBench, WhatGoesWrongInTheMediumIsTheCommandsStatus) {
  MediumConfig medium = simple_medium();
  medium.faults = {.recovery = {kMillisecond}, .timeout = {5 * kMillisecond}};
  build_device({.medium = medium});
  drive([&] {
    open(8, 8);
    host.put(kBuffers, 0x1234'5678u);
    fill_block(1, 9);
    device->medium().inject(MediumStatus::read_error);
    device->medium().inject(MediumStatus::write_error);
    submit(command(BlockOpcode::read, 0, kBuffers, 0, 1));
    submit(command(BlockOpcode::write, 1, kBuffers, 1, 1));
    wait_for_interrupts(2);
    const std::vector<BlockStatus> expected{BlockStatus::unrecovered_read, BlockStatus::write_fault};
    while (const auto completion = take()) EXPECT_EQ(completion->status, expected.at(completion->id));
    EXPECT_EQ(host.get<std::uint32_t>(kBuffers), 0x1234'5678u) << "a read that fails moves nothing";
    EXPECT_EQ(block(1)[0], 9);
    device->medium().inject(MediumStatus::timed_out);
    const Ps rung = kernel_now();
    submit(command(BlockOpcode::read, 2, kBuffers, 0, 1));
    wait_for_interrupts(3);
    EXPECT_EQ(take()->status, BlockStatus::aborted);
    EXPECT_GE(kernel_now(), rung + 5 * kMillisecond);
    EXPECT_LT(kernel_now(), rung + 5 * kMillisecond + 2'000'000);
    submit(command(BlockOpcode::read, 3, kBuffers, 1, 1));
    wait_for_interrupts(4);
    EXPECT_EQ(take()->status, BlockStatus::success) << "the next command is as any other";
  });
  EXPECT_EQ(stat("engine.medium.timeouts"), 1);
  EXPECT_EQ(stat("engine.medium.read_errors"), 1);
}

TEST(BlockDeviceConfig, ImpossibleMediaAreRefused) {
  EXPECT_ANY_THROW(validated(BlockDeviceConfig{.medium = {.block = {1000}}}));
  EXPECT_ANY_THROW(validated(BlockDeviceConfig{.medium = {.capacity = {10'000}, .block = {4096}}}));
  EXPECT_NO_THROW(validated(BlockDeviceConfig{}));
}

INSTANTIATE_TEST_SUITE_P(Quanta, BlockBench, ::testing::Values(0, 1'000'000), testing::quantum_name);

}  // namespace pagoda::block_device_test
