// The address translation cache: what it keeps, for whom, and when it may say that it has dropped it.
#include "pagoda/devices/atc.h"

#include <gtest/gtest.h>

#include "unit/devices/host_stub.h"

namespace pagoda::atc_test {

using testing::HostStub;
using Kind = AtcAnswer::Kind;

constexpr Ps kPeriod = 1000;
constexpr Ps kLook = 1000;
constexpr Addr kPage = 4096;

struct AtcTest : ::testing::Test {
  AtcAnswer ask(Addr address, Ps at, bool write = false, RequestInfo info = {}) {
    time = {};
    info.access = write ? AccessKind::write : AccessKind::read;
    const TimedRequest request{.address = address, .bytes = 64, .info = info, .time = &time, .fault = &fault};
    const AtcAnswer answer = atc.translate(request, at, host);
    EXPECT_EQ(time.total(), answer.at - at) << "every picosecond is accounted for";
    return answer;
  }
  static RequestInfo process(std::uint32_t pasid, Privilege privilege = Privilege::user) {
    return {.pasid = pasid, .privilege = privilege, .has_pasid = true};
  }
  // Whether a look-up finds a translation without asking.
  bool cached(Addr address, RequestInfo info = {}, bool write = false) {
    const std::size_t before = host.asked.size();
    ask(address, 1'000'000'000, write, info);
    return host.asked.size() == before;
  }

  HostStub host;
  Atc atc{{.cache = {.entries = 16, .ways = 4}, .translation_requests = 2}, kPeriod};
  TimeSplit time;
  Fault fault;
};

TEST_F(AtcTest, AMissAsksAndAHitDoesNot) {
  host.map(5, 77);
  const AtcAnswer miss = ask(5 * kPage + 0x123, 10'000);
  EXPECT_EQ(miss.kind, Kind::translated);
  EXPECT_EQ(miss.address, 77 * kPage + 0x123);
  EXPECT_EQ(miss.at, 10'000 + kLook + HostStub::kTranslation);
  const AtcAnswer hit = ask(5 * kPage + 0xff8, 1'000'000);
  EXPECT_EQ(hit.address, 77 * kPage + 0xff8);
  EXPECT_EQ(hit.at, 1'000'000 + kLook);
  EXPECT_EQ(host.asked.size(), 1u);
}

TEST_F(AtcTest, ALookUpDuringTheRequestJoinsIt) {
  host.map(5, 77);
  const Ps ready = ask(5 * kPage, 0).at;
  const AtcAnswer joined = ask(5 * kPage + 64, 100'000);
  EXPECT_EQ(joined.at, ready);
  EXPECT_EQ(host.asked.size(), 1u);
  EXPECT_EQ(time[TimePart::walk], ready - 100'000 - kLook);
}

TEST_F(AtcTest, RequestsUnderWayAreBounded) {
  for (Addr page = 0; page < 3; ++page) host.map(page, page);
  ask(0, 0);
  ask(kPage, 2'000);
  const AtcAnswer third = ask(2 * kPage, 4'000);
  EXPECT_EQ(third.at, kLook + 2 * HostStub::kTranslation) << "waits for the first of two";
}

TEST_F(AtcTest, OneLookUpStartsPerCycleAndPort) {
  host.map(0, 0);
  ask(0, 0);
  EXPECT_EQ(ask(0, 1'000'000).at, 1'000'000 + kLook);
  EXPECT_EQ(ask(0, 1'000'000).at, 1'001'000 + kLook);
}

TEST_F(AtcTest, APageOfAnySizeIsOneEntry) {
  host.grant_all = AtsGrant{.address = 0x4000'0000 + 0x12'3456, .page_shift = 21, .readable = true, .writable = true};
  EXPECT_EQ(ask(0x8000'0000 + 0x12'3456, 0).address, 0x4012'3456u);
  EXPECT_EQ(ask(0x8000'0000, 1'000'000'000).address, 0x4000'0000u);
  EXPECT_EQ(ask(0x8000'0000 + 0x1f'ffff, 1'000'000'000).address, 0x401f'ffffu);
  EXPECT_EQ(host.asked.size(), 1u);
  EXPECT_FALSE(cached(0x8020'0000));
}

TEST_F(AtcTest, AReadAsksForNoWritePermissionAndAWriteAsksAgain) {
  host.map(1, 1);
  ask(kPage, 0);
  EXPECT_TRUE(host.asked.back().no_write);
  EXPECT_EQ(ask(kPage, 1'000'000, true).kind, Kind::translated);
  EXPECT_EQ(host.asked.size(), 2u);
  EXPECT_FALSE(host.asked.back().no_write);
  EXPECT_TRUE(cached(kPage)) << "the second grant serves reads too";
}

TEST_F(AtcTest, WhatIsNotGrantedIsNotKept) {
  host.map(1, 1, false);
  EXPECT_EQ(ask(kPage, 0, true).kind, Kind::not_granted);
  EXPECT_EQ(ask(7 * kPage, 0).kind, Kind::not_granted);
  host.map(7, 3);
  EXPECT_EQ(ask(7 * kPage, 1'000'000).kind, Kind::translated);
  host.answers = false;
  EXPECT_EQ(ask(9 * kPage, 2'000'000).kind, Kind::refused);
}

TEST_F(AtcTest, ATranslationSmallerThanAPageIsRefused) {
  host.grant_all = AtsGrant{.address = 0x1000, .page_shift = 11, .readable = true};
  EXPECT_EQ(ask(0, 0).kind, Kind::refused);
}

TEST_F(AtcTest, AnUntranslatedOnlyPageKeepsItsAddress) {
  host.map(4, 9);
  host.pages[4].untranslated_only = true;
  const AtcAnswer answer = ask(4 * kPage + 8, 0);
  EXPECT_EQ(answer.kind, Kind::untranslated);
  EXPECT_EQ(answer.address, 4 * kPage + 8);
  EXPECT_TRUE(cached(4 * kPage));
}

TEST_F(AtcTest, TranslationsBelongToTheirProcessAndPrivilege) {
  host.map(1, 1);
  ask(kPage, 0, false, process(3));
  EXPECT_TRUE(cached(kPage, process(3)));
  EXPECT_FALSE(cached(kPage, process(4)));
  EXPECT_FALSE(cached(kPage, process(3, Privilege::supervisor)));
  EXPECT_FALSE(cached(kPage));
  EXPECT_TRUE(cached(kPage, {.pasid = 99, .privilege = Privilege::supervisor})) << "without a PASID neither counts";
}

TEST_F(AtcTest, AGlobalTranslationServesEveryProcess) {
  host.map(1, 1);
  host.pages[1].global = true;
  ask(kPage, 0, false, process(3));
  EXPECT_TRUE(cached(kPage, process(4)));
  EXPECT_FALSE(cached(kPage)) << "but not requests without one";
}

// --- invalidation ---

TEST_F(AtcTest, AnInvalidationDropsWhatOverlapsItsRange) {
  for (Addr page = 0; page < 16; ++page) host.map(page, page);
  for (Addr page = 0; page < 16; ++page) ask(page * kPage, 0);
  atc.invalidate({.address = 4 * kPage + 0x10, .page_shift = 14}, 1'000'000);  // pages 4 to 7
  for (Addr page = 0; page < 16; ++page) EXPECT_EQ(cached(page * kPage), page < 4 || page > 7) << page;
}

TEST_F(AtcTest, AnInvalidationOfAPartDropsTheWholePage) {
  host.grant_all = AtsGrant{.address = 0x4000'0000, .page_shift = 21, .readable = true};
  ask(0x8000'0000, 0);
  atc.invalidate({.address = 0x8001'5000, .page_shift = 12}, 1'000'000);
  EXPECT_FALSE(cached(0x8000'0000));
}

TEST_F(AtcTest, EverythingIsARangeOfAllBits) {
  for (const Addr page : {Addr{0}, Addr{1} << 51}) {
    host.map(page, 1);
    ask(page * kPage, 0);
  }
  atc.invalidate({.page_shift = 64}, 1'000'000);
  EXPECT_FALSE(cached(0));
  EXPECT_FALSE(cached((Addr{1} << 51) * kPage));
}

TEST_F(AtcTest, AnInvalidationIsOfOneProcessOfAllOrOfNone) {
  host.map(1, 1);
  const auto fill = [&] {
    ask(kPage, 0);
    ask(kPage, 0, false, process(1));
    ask(kPage, 0, false, process(2));
  };
  fill();
  atc.invalidate({.address = kPage}, 1'000'000);
  EXPECT_TRUE(cached(kPage, process(1)) && cached(kPage, process(2)));
  EXPECT_FALSE(cached(kPage));
  fill();
  atc.invalidate({.address = kPage, .has_pasid = true, .pasid = 1}, 1'000'000);
  EXPECT_TRUE(cached(kPage) && cached(kPage, process(2)));
  EXPECT_FALSE(cached(kPage, process(1)));
  fill();
  atc.invalidate({.address = kPage, .has_pasid = true, .pasid = 1, .all_processes = true}, 1'000'000);
  EXPECT_TRUE(cached(kPage));
  EXPECT_FALSE(cached(kPage, process(1)));
  EXPECT_FALSE(cached(kPage, process(2)));
}

TEST_F(AtcTest, AnInvalidationIsAnsweredWhenDmaThatUsedTheEntryIsDone) {
  host.map(1, 1);
  host.map(2, 2);
  const AtcAnswer one = ask(kPage, 0);
  const AtcAnswer two = ask(2 * kPage, 0);
  Atc::used(*one.entry, 5'000'000);
  Atc::used(*one.entry, 4'000'000);
  Atc::used(*two.entry, 9'000'000);
  EXPECT_EQ(atc.invalidate({.address = 3 * kPage}, 1'000'000), 1'000'000 + kLook) << "nothing of it is in use";
  EXPECT_EQ(atc.invalidate({.address = kPage}, 2'000'000), 5'000'000u);
  EXPECT_EQ(atc.invalidate({.address = kPage}, 2'100'000), 2'100'000 + kLook);
  EXPECT_EQ(atc.invalidate({.address = 2 * kPage}, 20'000'000), 20'000'000 + kLook) << "long done";
}

TEST_F(AtcTest, DmaOfAnEvictedEntryIsWaitedForToo) {
  for (Addr page = 0; page <= 16; page += 4) host.map(page, page);  // one set of four ways
  Atc::used(*ask(0, 0).entry, 50'000'000);
  for (Addr page = 4; page <= 16; page += 4) ask(page * kPage, 1'000'000 * page);
  ASSERT_FALSE(cached(0));
  EXPECT_EQ(atc.invalidate({.address = 8 * kPage}, 30'000'000), 50'000'000u);
}

TEST_F(AtcTest, AnInvalidationDuringATranslationRequestMakesItVoid) {
  host.map(1, 1);
  host.during_translation = [&] {
    host.during_translation = nullptr;
    atc.invalidate({.address = kPage}, 150'000);
    host.map(1, 2);
  };
  const AtcAnswer answer = ask(kPage, 0);
  EXPECT_EQ(host.asked.size(), 2u);
  EXPECT_EQ(answer.address, 2 * kPage);
  EXPECT_EQ(answer.at, kLook + 2 * HostStub::kTranslation);
}

TEST_F(AtcTest, EndlessInvalidationsEndInARefusal) {
  host.map(1, 1);
  host.during_translation = [&] { atc.invalidate({.address = kPage}, 0); };
  EXPECT_EQ(ask(kPage, 0).kind, Kind::refused);
}

}  // namespace pagoda::atc_test
