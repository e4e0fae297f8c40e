// Frames: what memory is handed out, in which order, how much of it in whole blocks, and never twice.
#include "pagoda/software/frame_allocator.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace pagoda::frame_allocator_test {

constexpr std::uint64_t kFrame = 4096;
constexpr std::uint64_t kBlock = std::uint64_t{1} << 21;
constexpr std::uint64_t kRegion = std::uint64_t{1} << 30;

std::vector<Addr> drain(FrameAllocator& frames, std::uint64_t bytes) {
  std::vector<Addr> all;
  while (const std::optional<Addr> address = frames.allocate(bytes)) all.push_back(*address);
  return all;
}

// Four standard deviations of a part `chance` of `count` independent pieces.
double tolerance(double chance, double count) { return 4 * std::sqrt(chance * (1 - chance) / count); }

TEST(FrameAllocator, SequentialFramesComeOneAfterTheOther) {
  FrameAllocator frames({.order = FrameOrder::sequential, .contiguity_2m = 0}, 0, 16 * kBlock, 1);
  std::vector<Addr> all = drain(frames, kFrame);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  // The first whole block is set aside for wide tables.
  ASSERT_EQ(all.size(), 15 * kBlock / kFrame);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], kBlock + i * kFrame);
}

TEST(FrameAllocator, ScatteredFramesAreAPermutationThatTheSeedDecides) {
  const FrameConfig config{.order = FrameOrder::scattered, .contiguity_2m = 0};
  constexpr Addr kEnd = 64 * kBlock;
  FrameAllocator frames(config, 0, kEnd, 7);
  FrameAllocator same(config, 0, kEnd, 7);
  FrameAllocator other(config, 0, kEnd, 8);
  const std::vector<Addr> all = drain(frames, kFrame);
  EXPECT_EQ(all, drain(same, kFrame));
  EXPECT_NE(all, drain(other, kFrame));
  const std::set<Addr> distinct(all.begin(), all.end());
  EXPECT_EQ(distinct.size(), all.size());
  EXPECT_EQ(all.size(), 63 * kBlock / kFrame) << "all memory but the block that is set aside";
  // In a random order two frames in a row are neighbours with a chance of 2 / n: some 2 of all pairs.
  std::size_t neighbours = 0;
  double first_half = 0;
  for (std::size_t i = 1; i < all.size(); ++i)
    neighbours += all[i] == all[i - 1] + kFrame || all[i] + kFrame == all[i - 1];
  EXPECT_LT(neighbours, 12u);
  const std::size_t half = all.size() / 2;
  for (std::size_t i = 0; i < half; ++i) first_half += static_cast<double>(all[i]) / kEnd;
  const auto count = static_cast<double>(half);
  EXPECT_NEAR(first_half / count, 0.5, 4 * 0.29 / std::sqrt(count));
}

struct Contiguity {
  double of_2m, of_1g;
};
class ContiguityTest : public ::testing::TestWithParam<Contiguity> {};

TEST_P(ContiguityTest, IsThePartOfMemoryInWholeBlocks) {
  constexpr std::uint64_t kRegions = 512;
  const FrameConfig config{.contiguity_2m = GetParam().of_2m, .contiguity_1g = GetParam().of_1g};
  FrameAllocator frames(config, 0, kRegions * kRegion, 3);
  const std::vector<Addr> regions = drain(frames, kRegion);
  EXPECT_NEAR(static_cast<double>(regions.size()) / kRegions, GetParam().of_1g,
              tolerance(GetParam().of_1g, kRegions) + 1.0 / kRegions);
  const std::vector<Addr> blocks = drain(frames, kBlock);
  // Blocks are independent of each other given their region, and regions vary as above.
  const double whole =
      static_cast<double>(regions.size()) / kRegions + static_cast<double>(blocks.size()) / (kRegions * 512);
  EXPECT_NEAR(whole, GetParam().of_2m, tolerance(GetParam().of_1g, kRegions) + tolerance(0.5, kRegions * 512) + 1e-4);
  for (const Addr region : regions) ASSERT_EQ(region % kRegion, 0u);
  for (const Addr block : blocks) ASSERT_EQ(block % kBlock, 0u);
}

INSTANTIATE_TEST_SUITE_P(Parts, ContiguityTest,
                         ::testing::Values(Contiguity{0, 0}, Contiguity{0.5, 0}, Contiguity{0.5, 0.25},
                                           Contiguity{0.9, 0.9}, Contiguity{1, 0.5}, Contiguity{1, 1}));

// Requests of every size, in an order of their own, until nothing is left: each byte is handed out once, aligned, and
// inside. Ragged ends belong to memory too.
struct Mixture {
  FrameConfig config;
  Addr begin, end;
};
class NoFrameTwice : public ::testing::TestWithParam<Mixture> {};

TEST_P(NoFrameTwice, WhateverIsAskedFor) {
  const Mixture& m = GetParam();
  FrameAllocator frames(m.config, m.begin, m.end, 5);
  std::vector<bool> used((m.end - m.begin) / kFrame);
  std::uint64_t in_use = 0;
  const auto take = [&](std::uint64_t bytes) {
    const std::optional<Addr> address = frames.allocate(bytes);
    if (!address) return false;
    EXPECT_EQ(*address % bytes, 0u) << bytes;
    EXPECT_GE(*address, m.begin);
    EXPECT_LE(*address + bytes, m.end);
    for (Addr frame = *address; frame < *address + bytes; frame += kFrame) {
      const std::size_t number = (frame - m.begin) / kFrame;
      EXPECT_FALSE(used[number]) << std::hex << frame << " again, by a request of " << bytes;
      if (used[number]) return false;
      used[number] = true;
    }
    in_use += bytes;
    EXPECT_EQ(frames.bytes_in_use(), in_use);
    return true;
  };
  // More runs than one block holds.
  for (int i = 0; i < 40; ++i) take(16 * kFrame);
  for (int i = 0; i < 200; ++i) take(4 * kFrame);
  take(kRegion);
  for (int i = 0; i < 3000 && !HasFailure(); ++i) {
    take(kFrame);
    if (i % 100 == 0) take(kBlock);
    if (i % 50 == 0) take(2 * kFrame);
  }
  while (!HasFailure() && take(kFrame)) {
  }
  EXPECT_LE(in_use, frames.bytes_managed());
  // Single frames may come from anywhere but what is set aside for runs.
  EXPECT_GE(in_use + 2 * kBlock, frames.bytes_managed());
}

INSTANTIATE_TEST_SUITE_P(
    Memories, NoFrameTwice,
    ::testing::Values(
        Mixture{{.order = FrameOrder::sequential, .contiguity_2m = 0.5}, 0, 256 << 20},
        Mixture{{.order = FrameOrder::scattered, .contiguity_2m = 0.5}, 1 << 20, 257 << 20},
        Mixture{{.order = FrameOrder::scattered, .contiguity_2m = 0.0}, 1 << 20, 64 << 20},
        Mixture{{.order = FrameOrder::sequential, .contiguity_2m = 0.9}, 0x5000, 0x8007000},
        Mixture{{.order = FrameOrder::scattered, .contiguity_2m = 0.9, .contiguity_1g = 0.8}, 1 << 20, 5 * kRegion}));

TEST(FrameAllocator, AWholeBlockIsBrokenOnlyWhenNoSingleFrameIsLeft) {
  FrameAllocator frames({.contiguity_2m = 1}, 0, 16 * kBlock, 1);
  const Addr first = *frames.allocate(kFrame);
  for (std::uint64_t i = 1; i < kBlock / kFrame; ++i) EXPECT_EQ(frames.allocate(kFrame), first + i * kFrame);
  EXPECT_EQ(first % kBlock, 0u);
  EXPECT_EQ(drain(frames, kBlock).size(), 14u) << "all but the broken one and the one set aside";
  EXPECT_FALSE(frames.allocate(kFrame));
}

TEST(FrameAllocator, WhatIsGivenBackIsHandedOutAgain) {
  for (const std::uint64_t bytes : {kFrame, kBlock, kRegion}) {
    FrameAllocator frames({.contiguity_2m = 1, .contiguity_1g = 1}, 0, 3 * kRegion, 1);
    std::vector<Addr> all = drain(frames, bytes);
    ASSERT_FALSE(all.empty());
    const Addr freed = all[all.size() / 2];
    frames.release(freed, bytes);
    EXPECT_EQ(frames.allocate(bytes), freed);
    EXPECT_FALSE(frames.allocate(bytes));
    EXPECT_EQ(frames.bytes_in_use(), all.size() * bytes);
  }
}

TEST(FrameAllocator, AnEmptyMemoryHasNothing) {
  FrameAllocator none({}, 0x10000, 0x10000, 1);
  EXPECT_FALSE(none.allocate(kFrame));
  EXPECT_FALSE(none.allocate(kBlock));
  EXPECT_FALSE(none.allocate(4 * kFrame));
  FrameAllocator small({.order = FrameOrder::sequential, .contiguity_2m = 0.5}, 0x10000, 0x12000, 1);
  EXPECT_EQ(drain(small, kFrame), (std::vector<Addr>{0x10000, 0x11000}));
}

// What is set aside for tables, one block per GiB begun, holds nothing else; when it is full, tables lie anywhere.
TEST(FrameAllocator, GroupedTablesHaveBlocksOfTheirOwn) {
  for (const FrameOrder order : {FrameOrder::sequential, FrameOrder::scattered}) {
    for (const double contiguity : {0.0, 0.5, 1.0}) {
      constexpr Addr kBegin = 0x10000;
      constexpr Addr kEnd = 2 * kRegion;
      const FrameRange kept{2 * kBlock,
                            2 * kBlock + kFrame};  // in the way: the first two blocks in a row begin behind it
      FrameAllocator frames({.order = order, .contiguity_2m = contiguity, .tables = TablePlaces::grouped}, kBegin, kEnd,
                            4, {kept});
      constexpr std::uint64_t kRoom = 2 * kBlock / kFrame;
      std::set<Addr> tables;
      for (std::uint64_t i = 0; i < kRoom; ++i) tables.insert(frames.tables().allocate(kFrame).value());
      EXPECT_EQ(tables.size(), kRoom);
      EXPECT_EQ(*tables.begin(), 3 * kBlock);
      EXPECT_EQ(*tables.rbegin(), 5 * kBlock - kFrame);
      EXPECT_EQ(frames.bytes_in_use(), 2 * kBlock);

      const Addr given_back = 3 * kBlock + 5 * kFrame;
      frames.tables().release(given_back, kFrame);
      EXPECT_EQ(frames.bytes_in_use(), 2 * kBlock - kFrame);
      EXPECT_EQ(frames.tables().allocate(kFrame), given_back);

      const Addr elsewhere = frames.tables().allocate(kFrame).value();
      EXPECT_FALSE(tables.contains(elsewhere));
      frames.tables().release(elsewhere, kFrame);
      EXPECT_EQ(frames.allocate(kFrame), elsewhere) << "given back to where it came from";

      for (const std::uint64_t bytes : {kBlock, kFrame}) {
        for (const Addr address : drain(frames, bytes)) {
          EXPECT_TRUE(address + bytes <= 3 * kBlock || address >= 5 * kBlock) << "at " << address;
        }
      }
      EXPECT_EQ(frames.tables().allocate(kFrame), std::nullopt);
    }
  }
}

TEST(FrameAllocator, TablesThatAreNotGroupedOrHaveNoRoomLieAnywhere) {
  FrameAllocator anywhere({.order = FrameOrder::sequential, .contiguity_2m = 0}, 0, 16 * kBlock, 1);
  EXPECT_EQ(anywhere.tables().allocate(kFrame), kBlock);
  EXPECT_EQ(anywhere.allocate(kFrame), kBlock + kFrame);
  // Two blocks, of which the first is for runs of frames; the rest is too small.
  FrameAllocator small({.order = FrameOrder::sequential, .contiguity_2m = 0, .tables = TablePlaces::grouped}, 0,
                       2 * kBlock - kFrame, 1);
  EXPECT_EQ(small.tables().allocate(kFrame), kBlock);
  EXPECT_EQ(small.allocate(kFrame), kBlock + kFrame);
  // Wide roots are runs of frames.
  FrameAllocator wide({.tables = TablePlaces::grouped}, 0, 16 * kBlock, 1);
  EXPECT_EQ(wide.tables().allocate(4 * kFrame), 0u);
}

}  // namespace pagoda::frame_allocator_test
