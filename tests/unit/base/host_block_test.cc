#include "pagoda/base/host_block.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include <gtest/gtest.h>

#include "pagoda/base/lazy_array.h"

namespace pagoda::host_block_test {

TEST(HostBlock, IsZeroAlignedAndCanBeWritten) {
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{4000}, kHugeHostPage - 1, kHugeHostPage, 3 * kHugeHostPage + 7}) {
    for (const std::size_t alignment : {std::size_t{1}, std::size_t{64}, kHostPage}) {
      const HostBlock block(bytes, alignment);
      auto* const first = static_cast<unsigned char*>(block.data());
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % alignment, 0u);
      EXPECT_TRUE(std::all_of(first, first + bytes, [](unsigned char byte) { return byte == 0; })) << bytes;
      std::fill(first, first + bytes, static_cast<unsigned char>(0xa5));
    }
  }
}

TEST(HostBlock, BelongsToWhomItWasMovedTo) {
  for (const std::size_t bytes : {std::size_t{100}, 2 * kHugeHostPage}) {
    HostBlock first(bytes, 8);
    void* const data = first.data();
    static_cast<unsigned char*>(data)[bytes - 1] = 7;
    HostBlock second(std::move(first));
    EXPECT_EQ(second.data(), data);
    HostBlock third;
    EXPECT_EQ(third.data(), nullptr);
    third = std::move(second);
    EXPECT_EQ(third.data(), data);
    EXPECT_EQ(static_cast<unsigned char*>(third.data())[bytes - 1], 7);
  }
}

TEST(HostBlock, SaysWhenTheHostHasNoMemory) { EXPECT_THROW(HostBlock(std::size_t{1} << 60, 8), std::bad_alloc); }

TEST(LazyArray, OfAnySizeIsZeroed) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{10}, kHugeHostPage / 8, kHugeHostPage}) {
    LazyArray<std::uint64_t> array(size);
    EXPECT_EQ(array.size(), size);
    EXPECT_EQ(array.empty(), size == 0);
    const auto all = array.subspan(0, size);
    EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](std::uint64_t value) { return value == 0; }));
    if (size > 0) array[size - 1] = 1;
  }
}

}  // namespace pagoda::host_block_test
