// What translation tables say about translated requests: a reverse entry, then a walk of Sv39 tables laid out by hand.
#include "pagoda/iommu/table_validator.h"

#include <gtest/gtest.h>

#include "unit/iommu/guard_bench.h"

namespace pagoda::table_validator_test {

using test::kCycle;
using test::kRead;
using test::request_of;
using test::stat_of;

constexpr Addr kInput = 0x4020'3000;  // VPN[2] 1, VPN[1] 1, VPN[0] 3
constexpr Addr kPage = 0x777;
constexpr Addr kRoot = 0x1000, kMiddle = 0x2000, kLast = 0x3000, kReverse = 0x10'0000;
constexpr std::uint64_t kPointer = 1, kReadOnly = 0x53, kReadWrite = 0xd7;  // V, R, U, A; V, R, W, U, A, D

struct Validation : ::testing::Test {
  test::FixedMemory memory;
  TableValidator validator{{}, {.pages = {.range = {0, 0x1000}}, .base = kReverse}, kCycle, memory};
  Ps now = 0;

  Validation() {
    memory.store.write(kRoot + 8, kMiddle >> 2 | kPointer);
    memory.store.write(kMiddle + 8, kLast >> 2 | kPointer);
    memory.store.write(kLast + 24, kPage << 10 | kReadWrite);
    memory.store.write(kReverse + kPage * 8, kInput | 1);
    validator.set_tables(5, {.format = find_page_format("sv39"), .root = kRoot});
  }
  Validator::Outcome ask(std::uint32_t device, Addr page, AccessKind access = AccessKind::read) {
    now += 1'000'000;
    return validator.validate(request_of(device, page << 12 | 0x40, access, now), now);
  }
};

TEST_F(Validation, TakesAReverseEntryAndAWalkOneAfterTheOther) {
  EXPECT_TRUE(ask(5, kPage).ok);
  EXPECT_EQ(validator.validate(request_of(5, kPage << 12, AccessKind::read, now), now).done,
            now + 4 * kRead + 4 * kCycle)
      << "at the same time: it waits for what is on its way";
  const Validator::Outcome cached = ask(5, kPage);
  EXPECT_EQ(cached.done, now + 4 * kCycle);
  EXPECT_EQ(memory.loads.size(), 4u);
  EXPECT_EQ(stat_of(validator, "validations"), 3);
}

TEST_F(Validation, RefusesWhatTheTablesDoNotLeadTo) {
  EXPECT_FALSE(ask(6, kPage).ok) << "a device without tables";
  EXPECT_FALSE(ask(5, 0x1000).ok) << "beyond the reverse table";
  EXPECT_TRUE(memory.loads.empty());
  EXPECT_FALSE(ask(5, kPage + 1).ok) << "a page that no device knows";
  memory.store.write(kReverse + 0x900 * 8, kInput | 1);
  EXPECT_FALSE(ask(5, 0x900).ok) << "the device's tables lead elsewhere";
  memory.store.write(kReverse + 0xa00 * 8, (kInput + 0x1000) | 1);
  EXPECT_FALSE(ask(5, 0xa00).ok) << "the walk ends in a fault";
  EXPECT_EQ(stat_of(validator, "refused"), 5);
}

TEST_F(Validation, RightsAreThoseOfTheLeaf) {
  memory.store.write(kLast + 24, kPage << 10 | kReadOnly);
  EXPECT_TRUE(ask(5, kPage).ok);
  EXPECT_FALSE(ask(5, kPage, AccessKind::write).ok);
}

TEST_F(Validation, OldBytesCountUntilTheyAreInvalidated) {
  EXPECT_TRUE(ask(5, kPage).ok);
  memory.store.write(kLast + 24, 0);
  EXPECT_TRUE(ask(5, kPage).ok);
  EXPECT_EQ(validator.invalidate_entry(kLast + 24), kCycle);
  EXPECT_FALSE(ask(5, kPage).ok);
  memory.store.write(kLast + 24, kPage << 10 | kReadWrite);
  validator.invalidate_entry(kLast + 24);
  EXPECT_TRUE(ask(5, kPage).ok);
  memory.store.write(kReverse + kPage * 8, 0);
  EXPECT_TRUE(ask(5, kPage).ok);
  EXPECT_EQ(validator.invalidate_page(kPage), kCycle);
  EXPECT_FALSE(ask(5, kPage).ok);
  EXPECT_EQ(validator.invalidate_page(0x1000), 0u);
}

TEST_F(Validation, ATableThatMemoryRefusesLeadsNowhere) {
  memory.refuses = kMiddle;
  EXPECT_FALSE(ask(5, kPage).ok);
  memory.refuses = kReverse + (kPage & ~Addr{7}) * 8;
  validator.invalidate_page(kPage);
  EXPECT_FALSE(ask(5, kPage).ok);
}

}  // namespace pagoda::table_validator_test
