// Pages that change hands: the guard on its tables as software changes them, and the monitor that watches.
#include "platforms/page_guard.h"

#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "platforms/dma_monitor.h"
#include "support/bench.h"
#include "support/host_bench.h"

namespace pagoda::page_guard_test {

using testing::Initiator;
using testing::Script;

constexpr std::uint64_t kMemory = std::uint64_t{16} << 20;
constexpr Addr kPage = 0x123;
constexpr DeviceRight kOne{1, DmaRights::read_write}, kTwo{2, DmaRights::read_write};
constexpr TenantId kRed = 0, kGreen = 1;

struct SharedPages : ::testing::Test {
  PhysicalMemory bytes{{kMemory}};
  MemoryStore store{bytes};
  FrameAllocator frames{{.order = FrameOrder::sequential, .contiguity_2m = 1}, 0, kMemory, 1};
  FixedMemory memory{"memory", {}, bytes};

  // Runs the same on both kinds of guard, in a thread: time passes.
  void on_guard(const GuardConfig& config, const std::function<void(PageGuard&)>& what) {
    PageGuard guard("guard", config, 4, {0}, store, frames, 1u << 16);
    guard.tables.bind(memory.port);
    Script script("script", [&] { what(guard); });
    sc_core::sc_start();
    guard.verify();
  }
  static bool may(PageGuard& guard, std::uint32_t device, Addr address, AccessKind access = AccessKind::write,
                  std::uint32_t length = 64) {
    return guard.guard()
        ->check({.device_id = device,
                 .access = access,
                 .address = address,
                 .bytes = length,
                 .floor = kernel_now(),
                 .at = kernel_now()})
        .allowed;
  }
};

class BothGuards : public SharedPages, public ::testing::WithParamInterface<GuardKind> {
 protected:
  GuardConfig config{.kind = GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Kinds, BothGuards, ::testing::Values(GuardKind::permission_table, GuardKind::bundles));

TEST_P(BothGuards, WhatNobodyHasGivenIsOpenToNobody) {
  on_guard(config, [](PageGuard& guard) {
    for (const Addr address : {Addr{0}, kPage << 12, Addr{kMemory - 64}, Addr{kMemory}, ~Addr{0} - 63}) {
      EXPECT_FALSE(may(guard, 1, address, AccessKind::read)) << std::hex << address;
    }
    EXPECT_FALSE(may(guard, 4, kPage << 12, AccessKind::read)) << "no such device";
  });
}

TEST_P(BothGuards, APageGoesFromOneTenantToAnother) {
  on_guard(config, [](PageGuard& guard) {
    EXPECT_TRUE(guard.give(kRed, {kOne}, kPage, {kOne}));
    guard.invalidate();
    EXPECT_TRUE(may(guard, 1, kPage << 12));
    EXPECT_FALSE(may(guard, 2, kPage << 12));
    guard.take(kRed, {kOne}, kPage, {});
    guard.invalidate();
    EXPECT_FALSE(may(guard, 1, kPage << 12)) << "a device that kept its translation";
    guard.complete();
    EXPECT_TRUE(guard.give(kGreen, {kTwo}, kPage, {kTwo}));
    guard.invalidate();
    EXPECT_FALSE(may(guard, 1, kPage << 12));
    EXPECT_TRUE(may(guard, 2, kPage << 12));
  });
}

TEST_P(BothGuards, TwoTenantsHaveAPageAtTheSameTime) {
  on_guard(config, [](PageGuard& guard) {
    const DeviceRight reads{1, DmaRights::read};
    const DeviceSet both{kOne, kTwo};
    EXPECT_TRUE(guard.give(kRed, {reads}, kPage, {reads}));
    EXPECT_TRUE(guard.give(kGreen, both, kPage, both));
    guard.invalidate();
    EXPECT_TRUE(may(guard, 1, kPage << 12)) << "green lets it write";
    guard.take(kGreen, both, kPage, {reads});
    guard.invalidate();
    EXPECT_TRUE(may(guard, 1, kPage << 12, AccessKind::read));
    EXPECT_FALSE(may(guard, 1, kPage << 12));
    EXPECT_FALSE(may(guard, 2, kPage << 12, AccessKind::read));
  });
}

TEST_P(BothGuards, ARequestOverTwoPagesNeedsBoth) {
  on_guard(config, [](PageGuard& guard) {
    EXPECT_TRUE(guard.give(kRed, {kOne}, kPage, {kOne}));
    EXPECT_TRUE(guard.give(kGreen, {kOne, kTwo}, kPage + 1, {kOne, kTwo}));
    guard.invalidate();
    const Addr border = (kPage + 1) << 12;
    EXPECT_TRUE(may(guard, 1, border - 32));
    EXPECT_FALSE(may(guard, 2, border - 32)) << "only the second page is its";
    EXPECT_TRUE(may(guard, 2, border));
    EXPECT_FALSE(may(guard, 1, border + 0xfe0)) << "the third page is nobody's";
  });
}

// One id besides that of no access: the second set has none until the first one's is free again.
TEST_F(SharedPages, AnIdIsUsedAgainOnlyWhenDevicesHaveForgotten) {
  GuardConfig config{.kind = GuardKind::bundles};
  config.tables.bundles = 2;
  on_guard(config, [](PageGuard& guard) {
    EXPECT_TRUE(guard.give(kRed, {kOne}, kPage, {kOne}));
    EXPECT_TRUE(guard.give(kRed, {kOne}, kPage + 1, {kOne})) << "the same set";
    EXPECT_FALSE(guard.give(kGreen, {kTwo}, kPage + 2, {kTwo}));
    guard.take(kRed, {kOne}, kPage, {});
    guard.take(kRed, {kOne}, kPage + 1, {});
    guard.invalidate();
    EXPECT_FALSE(guard.give(kGreen, {kTwo}, kPage + 2, {kTwo})) << "devices have not forgotten yet";
    guard.complete();
    EXPECT_TRUE(guard.give(kGreen, {kTwo}, kPage + 2, {kTwo}));
    guard.invalidate();
    EXPECT_TRUE(may(guard, 2, (kPage + 2) << 12));
    EXPECT_FALSE(may(guard, 1, (kPage + 2) << 12));
  });
}

struct Monitored : ::testing::Test {
  static constexpr Ps kLatency = 100'000;
  PhysicalMemory bytes{{kMemory}};
  FixedMemory memory{"memory", {.latency = Latency::time(kLatency)}, bytes};
  DmaMonitor monitor{"monitor"};
  Initiator device{"device"};
  Downlink below;

  Monitored() {
    device.out.bind(monitor.in);
    monitor.out.bind(memory.port);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    below.bind(*device.out.operator->());
  }
  TimedAnswer access(std::uint32_t requester, Addr address, AccessKind kind) {
    TimeSplit time;
    Fault fault;
    TimedRequest request{.address = address,
                         .bytes = 64,
                         .info = {.requester = requester, .access = kind},
                         .time = &time,
                         .fault = &fault};
    return below.access(request, kernel_now());
  }
};

TEST_F(Monitored, WhatWasGivenIsNoViolationAndTakesItsTime) {
  monitor.grant(kPage, {{1, DmaRights::read}});
  EXPECT_EQ(access(1, kPage << 12, AccessKind::read).done, kLatency);
  EXPECT_EQ(monitor.violations(), 0u);
  access(1, kPage << 12, AccessKind::write);
  EXPECT_EQ(monitor.violations(), 1u);
  access(2, kPage << 12, AccessKind::read);
  access(1, (kPage + 1) << 12, AccessKind::read);
  EXPECT_EQ(monitor.violations(), 3u);
  EXPECT_NE(monitor.first_violation().find("device 0x1 wrote 64 bytes at 0x123000"), std::string::npos);
  EXPECT_FALSE(access(2, kMemory, AccessKind::read).ok());
  EXPECT_EQ(monitor.violations(), 3u) << "it did not reach memory";
}

TEST_F(Monitored, PayloadsAreWatchedToo) {
  Transaction transaction;
  std::array<unsigned char, 8> data{};
  transaction.prepare(tlm::TLM_WRITE_COMMAND, kPage << 12, data.size(), data.data());
  transaction.attributes.requester = 3;
  sc_core::sc_time delay;
  device.out->b_transport(transaction.payload, delay);
  EXPECT_EQ(delay, to_sc_time(kLatency));
  EXPECT_EQ(monitor.violations(), 1u);
}

TEST_F(Monitored, WhatIsUnderWayMustEndBeforeARevocationIsComplete) {
  monitor.grant(kPage, {kOne, kTwo});
  access(1, kPage << 12, AccessKind::write);
  monitor.revoked(kPage, {{1, DmaRights::read}, kTwo});
  EXPECT_EQ(monitor.violations(), 1u) << "a write, and writing was taken away";
  access(2, kPage << 12, AccessKind::read);
  sc_core::sc_start(to_sc_time(kLatency));
  monitor.revoked(kPage, {});
  EXPECT_EQ(monitor.violations(), 1u) << "all have ended";
  EXPECT_FALSE(monitor.grants().allows(2, kPage << 12, 64, AccessKind::read));
}

}  // namespace pagoda::page_guard_test
