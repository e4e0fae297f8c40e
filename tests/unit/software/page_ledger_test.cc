// The books of paged memory find every step that loses a page or mixes two up.
#include "pagoda/software/page_ledger.h"

#include <array>

#include <gtest/gtest.h>

#include "pagoda/base/error.h"

namespace pagoda::page_ledger_test {

constexpr PageId kOne{0, 0x1000};
constexpr PageId kTwo{3, 0x1000};  // the same address of another process
constexpr Addr kFrame = 0x40000;
using Place = PageLedger::Place;

TEST(PageLedger, APageGoesOutAndComesBack) {
  PageLedger ledger;
  ledger.created(kOne, kFrame, 1);
  ledger.unmapped(kOne, 77, 2);
  EXPECT_EQ(ledger.place(kOne), Place::leaving);
  ledger.left(kOne, 5, 3);
  EXPECT_EQ(ledger.place(kOne), Place::volume);
  EXPECT_EQ(ledger.slot(kOne), 5u);
  EXPECT_FALSE(ledger.frame(kOne));
  ledger.created(kTwo, kFrame, 4);
  ledger.arriving(kOne, kFrame + 0x1000, 5);
  ledger.arrived(kOne, 77, 6);
  EXPECT_EQ(ledger.place(kOne), Place::memory);
  EXPECT_EQ(ledger.frame(kOne), kFrame + 0x1000);
  EXPECT_EQ(ledger.pages(), 2u);
}

TEST(PageLedger, AFrameIsUsedAgainOnlyWhenItsContentsAreOut) {
  PageLedger ledger;
  ledger.created(kOne, kFrame, 1);
  EXPECT_THROW(ledger.created(kTwo, kFrame, 2), InvariantError);
  PageLedger other;
  other.created(kOne, kFrame, 1);
  other.unmapped(kOne, 1, 2);
  other.stored(kTwo, 9, 4);
  EXPECT_THROW(other.arriving(kTwo, kFrame, 3), InvariantError) << "its page is on its way out still";
}

TEST(PageLedger, WhatComesBackMustBeWhatWentOut) {
  PageLedger ledger;
  ledger.stored(kOne, 5, 77);
  ledger.arriving(kOne, kFrame, 1);
  EXPECT_THROW(ledger.arrived(kOne, 78, 2), InvariantError);
}

TEST(PageLedger, OnlyAPageThatHasNotChangedIsDropped) {
  PageLedger ledger;
  ledger.stored(kOne, 5, 77);
  ledger.arriving(kOne, kFrame, 1);
  ledger.arrived(kOne, 77, 2);
  ledger.unmapped(kOne, 77, 3);
  ledger.dropped(kOne, 4);
  EXPECT_EQ(ledger.place(kOne), Place::volume);
  ledger.arriving(kOne, kFrame, 5);
  ledger.arrived(kOne, 77, 6);
  ledger.unmapped(kOne, 99, 7);  // somebody has written to it
  EXPECT_THROW(ledger.dropped(kOne, 8), InvariantError);
  PageLedger fresh;
  fresh.created(kTwo, kFrame, 1);
  fresh.unmapped(kTwo, 1, 2);
  EXPECT_THROW(fresh.dropped(kTwo, 3), InvariantError) << "never written";
}

TEST(PageLedger, TwoPagesNeverHaveOnePlaceOnTheVolume) {
  PageLedger ledger;
  ledger.stored(kOne, 5, 77);
  ledger.created(kTwo, kFrame, 1);
  ledger.unmapped(kTwo, 1, 2);
  EXPECT_THROW(ledger.left(kTwo, 5, 3), InvariantError);
}

TEST(PageLedger, ACopyThatIsGivenUpFreesItsPlace) {
  PageLedger ledger;
  ledger.stored(kOne, 5, 77);
  ledger.arriving(kOne, kFrame, 1);
  ledger.arrived(kOne, 77, 2);
  ledger.forgot_copy(kOne, 3);
  ledger.created(kTwo, kFrame + 0x1000, 4);
  ledger.unmapped(kTwo, 1, 5);
  ledger.left(kTwo, 5, 6);
  ledger.unmapped(kOne, 77, 7);
  EXPECT_THROW(ledger.dropped(kOne, 8), InvariantError);
}

TEST(PageLedger, AMoveThatFailsLeavesThePageWhereItWas) {
  PageLedger ledger;
  ledger.created(kOne, kFrame, 1);
  ledger.unmapped(kOne, 7, 2);
  ledger.stayed(kOne, std::nullopt, 3);
  EXPECT_EQ(ledger.place(kOne), Place::memory);
  ledger.unmapped(kOne, 7, 4);
  ledger.left(kOne, 5, 5);
  ledger.arriving(kOne, kFrame, 6);
  ledger.not_arrived(kOne, 7);
  EXPECT_EQ(ledger.place(kOne), Place::volume);
  ledger.created(kTwo, kFrame, 8);  // the frame is free
}

TEST(PageLedger, StepsOutOfTurnAreFound) {
  PageLedger ledger;
  EXPECT_THROW(ledger.unmapped(kOne, 1, 1), InvariantError);
  EXPECT_THROW(ledger.arriving(kOne, kFrame, 1), InvariantError);
  ledger.created(kOne, kFrame, 1);
  EXPECT_THROW(ledger.created(kOne, kFrame + 0x1000, 2), InvariantError);
  EXPECT_THROW(ledger.left(kOne, 1, 2), InvariantError);
  EXPECT_THROW(ledger.arrived(kOne, 1, 2), InvariantError);
}

// One bit anywhere makes another hash.
TEST(PageLedger, TheHashSeesEveryBit) {
  std::array<unsigned char, 4096> page{};
  for (std::size_t i = 0; i < page.size(); ++i) page[i] = static_cast<unsigned char>(i * 37);
  const std::uint64_t before = hash_of(page);
  for (std::size_t i = 0; i < page.size(); ++i) {
    const auto bit = static_cast<unsigned char>(1u << (i % 8));
    page[i] ^= bit;
    ASSERT_NE(hash_of(page), before) << i;
    page[i] ^= bit;
  }
  EXPECT_EQ(hash_of(page), before);
  std::swap(page[0], page[8]);
  EXPECT_NE(hash_of(page), before) << "and where it is";
}

}  // namespace pagoda::page_ledger_test
