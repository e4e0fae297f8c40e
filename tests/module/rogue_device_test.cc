// A device that attacks: what it sends when, and how it counts.
#include "pagoda/devices/rogue_device.h"

#include "support/bench.h"
#include "support/host_bench.h"

namespace pagoda::rogue_device_test {

using testing::HostBench;
using testing::Script;

constexpr Addr kWindow = 0x4000'0000;
constexpr Addr kFrame = 0x55;  // of the window's only page
constexpr std::uint64_t kPage = 4096;

TEST(KeptTranslations, TheOldestGivesWayAndStaleOnesAreFound) {
  KeptTranslations kept(2);
  EXPECT_FALSE(kept.stale_from(0));
  kept.add({.input = 0x1000, .output = 0xa000});
  kept.add({.input = 0x2000, .output = 0xb000});
  EXPECT_EQ(kept.invalidate(0x2fff, 12), 1u) << "any address in the page";
  EXPECT_EQ(kept.invalidate(0x2000, 12), 0u) << "it is stale already";
  EXPECT_EQ(kept.stale_from(0)->output, 0xb000u);
  kept.add({.input = 0x3000, .output = 0xc000});
  kept.add({.input = 0x4000, .output = 0xd000});
  EXPECT_EQ(kept.size(), 2u);
  EXPECT_FALSE(kept.stale_from(1)) << "page 2 has given way";
  EXPECT_EQ(kept.invalidate(0, 64), 2u);
  EXPECT_EQ(kept.stale_from(7)->output, 0xd000u);
}

TEST(KeptTranslations, APageThatOverlapsTheRangeIsMeant) {
  KeptTranslations kept(1);
  kept.add({.input = 0x20'0000, .output = 0x40'0000, .page_shift = 21});
  EXPECT_EQ(kept.invalidate(0x60'0000, 12), 0u);
  EXPECT_EQ(kept.invalidate(0x3f'f000, 12), 1u);
}

struct Rogue : ::testing::Test {
  RogueConfig config{.requester = 9, .interval = {kMicrosecond}, .write_ratio = 0};
  HostBench host{"host"};

  // Runs one for so long. `script` may invalidate.
  StatNode run(Ps time, RogueDevice::Judge judge = {}, std::function<void()> script = nullptr) {
    RogueDevice device("device", config, {kWindow, kPage}, {0, host.memory.size()});
    if (judge) device.set_judge(std::move(judge));
    device.dma.bind(host.port);
    host.to_device.bind(device.control);
    Script thread("script", [&] {
      if (script) script();
    });
    sc_core::sc_start(to_sc_time(time));
    return testing::all_stats();
  }
};

TEST_F(Rogue, ForgesTranslatedRequestsAtItsRate) {
  config.forged = 1;
  const StatNode stats = run(100 * kMicrosecond - 1);
  EXPECT_EQ(stats.number("device.forged"), 100);
  EXPECT_EQ(stats.number("device.stale"), 0);
  EXPECT_EQ(stats.number("device.succeeded"), 100) << "this host believes everything";
  ASSERT_EQ(host.seen.size(), 100u);
  for (std::size_t i = 0; i < host.seen.size(); ++i) {
    EXPECT_TRUE(host.seen[i].translated);
    EXPECT_EQ(host.seen[i].requester, 9u);
    EXPECT_EQ(host.seen[i].bytes, 64u);
    EXPECT_EQ(host.seen[i].address % 64, 0u);
    EXPECT_LT(host.seen[i].address, host.memory.size());
    EXPECT_EQ(host.seen[i].at, i * kMicrosecond + HostBench::kTranslation) << "after asking for a translation";
  }
}

TEST_F(Rogue, WaitsForAnAnswerBeforeTheNextAttempt) {
  config.forged = 1;
  config.interval = {1 * kNanosecond};
  run(3 * (HostBench::kTranslation + HostBench::kMemory) - 1);
  EXPECT_EQ(host.seen.size(), 3u);
}

TEST_F(Rogue, UsesATranslationOnlyOnceItHasAcknowledgedItsInvalidation) {
  config.forged = 0;
  host.map(kWindow >> 12, 1, kFrame);
  constexpr Ps kInvalidated = 50 * kMicrosecond + 500'000;
  const StatNode stats = run(100 * kMicrosecond - 1, {}, [&] {
    Script::wait_until(kInvalidated);
    host.pages.clear();
    const HostBench::Reply reply = host.invalidate(kWindow, 12, kInvalidated, 9);
    EXPECT_EQ(reply.status, tlm::TLM_OK_RESPONSE);
    EXPECT_EQ(reply.done, kInvalidated) << "it does not even wait for its own requests";
  });
  EXPECT_EQ(stats.number("device.translations"), 51);
  EXPECT_EQ(stats.number("device.lawful"), 51) << "each is used once as it should be";
  EXPECT_EQ(stats.number("device.stale"), 49);
  EXPECT_EQ(stats.number("device.invalidations"), 1);
  ASSERT_EQ(host.seen.size(), 100u);
  for (std::size_t i = 0; i < host.seen.size(); ++i) {
    EXPECT_TRUE(host.seen[i].translated);
    EXPECT_EQ(host.seen[i].address >> 12, kFrame);
    EXPECT_EQ(host.seen[i].at >= kInvalidated, i >= 51);
  }
}

TEST_F(Rogue, WhatIsRefusedIsBlocked) {
  config.forged = 1;
  RogueDevice device("device", config, {kWindow, kPage}, {host.memory.size(), kPage});
  device.dma.bind(host.port);
  host.to_device.bind(device.control);
  sc_core::sc_start(to_sc_time(10 * kMicrosecond - 1));
  EXPECT_EQ(device.attempts(), 10u);
  EXPECT_EQ(device.blocked(), 10u);
  EXPECT_EQ(device.succeeded(), 0u);
  EXPECT_EQ(testing::all_stats().number("device.blocked_latency.mean"), to_ns(HostBench::kMemory));
}

TEST_F(Rogue, WhatItMayDoIsNoAttempt) {
  config.forged = 1;
  unsigned asked = 0;
  const StatNode stats = run(10 * kMicrosecond - 1, [&](Addr, std::uint32_t, AccessKind) { return asked++ < 4; });
  EXPECT_EQ(stats.number("device.rightful"), 4);
  EXPECT_EQ(stats.number("device.attempts"), 6);
  EXPECT_EQ(stats.number("device.succeeded"), 6);
}

TEST_F(Rogue, WritesAsOftenAsItIsToldTo) {
  config.forged = 1;
  config.write_ratio = 1;
  run(20 * kMicrosecond - 1);
  EXPECT_TRUE(std::all_of(host.seen.begin(), host.seen.end(), [](const auto& seen) { return seen.write; }));
}

}  // namespace pagoda::rogue_device_test
