#include "pagoda/memory/physical_memory.h"

#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/base/error.h"

namespace pagoda::physical_memory_test {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;

TEST(PhysicalMemory, ATebibyteCostsWhatItTouches) {
  PhysicalMemory memory({kTiB}, 0x1000);
  for (std::uint64_t i = 0; i < 100 * 256; ++i) memory.write64(0x1000 + i * 4096 * 1000, i + 1);
  for (std::uint64_t i = 0; i < 100 * 256; ++i) ASSERT_EQ(memory.read64(0x1000 + i * 4096 * 1000), i + 1);
  EXPECT_GE(memory.resident_bytes(), 100 * kMiB);
  EXPECT_LE(memory.resident_bytes(), 110 * kMiB);
}

TEST(PhysicalMemory, ContainsKnowsItsEdgesWithoutOverflow) {
  const PhysicalMemory memory({2 * kMiB}, kMiB);
  EXPECT_TRUE(memory.contains(kMiB, 2 * kMiB));
  EXPECT_FALSE(memory.contains(kMiB, 2 * kMiB + 1));
  EXPECT_FALSE(memory.contains(kMiB - 1, 1));
  EXPECT_TRUE(memory.contains(3 * kMiB - 1, 1));
  EXPECT_FALSE(memory.contains(3 * kMiB, 1));
  EXPECT_FALSE(memory.contains(2 * kMiB, ~std::uint64_t{0}));
}

TEST(PhysicalMemory, LoadsAndDiscards) {
  PhysicalMemory memory({16 * kMiB});
  std::vector<unsigned char> contents(5 * kMiB + 123);
  for (std::size_t i = 0; i < contents.size(); ++i) contents[i] = static_cast<unsigned char>(i * 7 + 1);
  memory.load(4001, contents);
  for (std::size_t i = 0; i < contents.size(); i += 997) ASSERT_EQ(memory.data(4001)[i], contents[i]);
  memory.discard(5000, 3 * kMiB);
  EXPECT_EQ(memory.data(4999)[0], contents[4999 - 4001]);
  for (const Addr address : {Addr{5000}, Addr{8192}, Addr{3 * kMiB + 4999}}) EXPECT_EQ(*memory.data(address), 0);
  EXPECT_EQ(memory.data(3 * kMiB + 5000)[0], contents[3 * kMiB + 5000 - 4001]);
  EXPECT_THROW(memory.load(12 * kMiB, contents), std::out_of_range);
  EXPECT_THROW(memory.discard(16 * kMiB, 1), std::out_of_range);
}

TEST(PhysicalMemory, DenseUseIsAdviceOnly) {
  PhysicalMemory memory({16 * kMiB}, kMiB);
  memory.write64(3 * kMiB, 42);
  memory.expect_dense_use(2 * kMiB, 8 * kMiB);
  EXPECT_EQ(memory.read64(3 * kMiB), 42u);
  EXPECT_EQ(memory.read64(9 * kMiB), 0u);
  EXPECT_THROW(memory.expect_dense_use(0, kMiB), std::out_of_range);
  EXPECT_THROW(memory.expect_dense_use(16 * kMiB, 2 * kMiB), std::out_of_range);
}

TEST(PhysicalMemory, WhatTheHostCannotReserveIsAUserError) {
  EXPECT_THROW(PhysicalMemory({std::uint64_t{1} << 60}), UserError);
}

}  // namespace pagoda::physical_memory_test
