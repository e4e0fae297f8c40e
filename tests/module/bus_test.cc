// The bus: where requests go and what carrying them takes.
#include "pagoda/interconnect/bus.h"

#include "pagoda/memory/fixed_memory.h"
#include "support/bench.h"

namespace pagoda::bus_test {

using testing::Initiator;
using testing::Reply;

constexpr Ps kMemory = 80'000;
constexpr Ps kCycle = 1000;
constexpr Addr kLow = 0x10000;
constexpr Addr kHigh = 0x40000;
constexpr std::uint64_t kSize = 0x10000;

// Two memories with a hole between them and below, at a clock of 1 GHz.
struct BusBench : ::testing::Test {
  void build(const BusConfig& config) {
    bus.emplace("bus", config);
    cpu.out.bind(bus->in);
    other.out.bind(bus->in);
    bus->out.bind(low.port);
    bus->out.bind(high.port);
    bus->map(kHigh, kSize, 1);
    bus->map(kLow, kSize, 0);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  static double stat(const char* path) { return testing::all_stats().number(path); }

  PhysicalMemory low_bytes{{kSize}, kLow};
  PhysicalMemory high_bytes{{kSize}, kHigh};
  Initiator cpu{"cpu"};
  Initiator other{"other"};
  std::optional<Bus> bus;
  FixedMemory low{"low", {.latency = Latency::time(kMemory)}, low_bytes};
  FixedMemory high{"high", {.latency = Latency::time(2 * kMemory)}, high_bytes};
};

TEST_F(BusBench, AddressesDecideWhereARequestGoes) {
  build({});
  for (const Addr offset : {Addr{0}, Addr{0x1238}, kSize - 8}) {
    low_bytes.write64(kLow + offset, offset + 1);
    high_bytes.write64(kHigh + offset, offset + 2);
    EXPECT_EQ(cpu.ask({.address = kLow + offset, .at = offset * 100'000, .read_back = true}).data[0],
              (offset + 1) & 0xff);
    EXPECT_EQ(other.ask({.address = kHigh + offset, .at = offset * 100'000, .read_back = true}).data[0],
              (offset + 2) & 0xff);
  }
  ASSERT_TRUE(cpu.ask({.address = kHigh + 0x10, .kind = AccessKind::write, .length = 2, .data = {7, 8}}).ok());
  EXPECT_EQ(high_bytes.read64(kHigh + 0x10), 0x0807u);
  EXPECT_EQ(stat("low.reads"), 3);
  EXPECT_EQ(stat("high.reads"), 3);
  EXPECT_EQ(stat("bus.requests"), 7);
  EXPECT_EQ(stat("bus.bytes"), 6 * 8 + 2);
}

TEST_F(BusBench, AHoleIsAnAddressErrorForEveryKindOfAccess) {
  build({});
  for (const Addr hole : {Addr{0}, kLow - 1, kLow + kSize, kHigh - 1, kHigh + kSize, ~Addr{0}}) {
    for (const AccessKind kind : {AccessKind::read, AccessKind::write}) {
      const Reply reply = cpu.ask({.address = hole, .kind = kind, .length = 1, .at = 5'000});
      EXPECT_EQ(reply.status, tlm::TLM_ADDRESS_ERROR_RESPONSE) << std::hex << hole;
      EXPECT_EQ(reply.done, 5'000u);
    }
    EXPECT_TRUE(cpu.debug_read(hole, 4).empty());
    tlm::tlm_generic_payload payload;
    payload.set_address(hole);
    tlm::tlm_dmi dmi;
    EXPECT_FALSE(cpu.out->get_direct_mem_ptr(payload, dmi));
  }
  EXPECT_EQ(cpu.ask({.address = kLow + kSize - 4, .length = 8}).status, tlm::TLM_ADDRESS_ERROR_RESPONSE)
      << "the target sees that it ends outside";
  EXPECT_EQ(stat("low.reads") + stat("high.reads"), 0);
}

// latency + ceil(bytes / width) cycles on a lane + the target, reading as well as writing.
TEST_F(BusBench, AnUncontendedTransferTakesTheClosedForm) {
  build({.latency = Latency::cycles(10), .width = {32}, .lanes = 4});
  Ps at = 0;
  for (const unsigned length : {0u, 1u, 8u, 31u, 32u, 33u, 64u, 4096u}) {
    for (const AccessKind kind : {AccessKind::read, AccessKind::write}) {
      at += 10'000'000;
      const Ps transfer = (length + 31) / 32 * kCycle;
      const Reply reply = cpu.ask({.address = kLow, .kind = kind, .length = length, .at = at});
      EXPECT_EQ(reply.done - at, 10 * kCycle + transfer + kMemory) << length;
      EXPECT_EQ(reply.time[TimePart::link], 10 * kCycle + transfer);
      EXPECT_EQ(reply.time[TimePart::queue], 0u);
    }
  }
}

TEST_F(BusBench, TheBusHasAClockOfItsOwn) {
  build({.latency = Latency::cycles(3), .width = {16}, .lanes = 1, .clock = Frequency{2'000'000'000}});
  EXPECT_EQ(cpu.ask({.address = kLow, .length = 64}).done, 3 * 500 + 4 * 500 + kMemory);
}

// N equal reads at once: their data arrives together and lane i % k carries transfer i after floor(i / k) others.
TEST_F(BusBench, TransfersBeyondTheLanesWaitInTurn) {
  build({.latency = Latency::cycles(10), .width = {32}, .lanes = 3});
  constexpr Ps kTransfer = 2 * kCycle;
  for (const AccessKind kind : {AccessKind::read, AccessKind::write}) {
    const Ps at = kind == AccessKind::read ? 0 : 10'000'000;
    for (Ps i = 0; i < 10; ++i) {
      Initiator& from = i % 2 == 0 ? cpu : other;
      const Reply reply = from.ask({.address = kLow + 64 * i, .kind = kind, .length = 64, .at = at});
      EXPECT_EQ(reply.done - at, 10 * kCycle + kMemory + (i / 3 + 1) * kTransfer) << i;
      EXPECT_EQ(reply.time[TimePart::queue], i / 3 * kTransfer);
    }
  }
  EXPECT_EQ(stat("bus.busy"), to_ns(20 * kTransfer));
  EXPECT_EQ(stat("bus.wait"), to_ns(2 * (3 * 1 + 3 * 2 + 1 * 3) * kTransfer));
}

TEST_F(BusBench, ReadDataAndWriteDataShareALane) {
  build({.latency = Latency::cycles(0), .width = {8}, .lanes = 1});
  const Reply read = cpu.ask({.address = kLow, .length = 64});
  EXPECT_EQ(read.done, kMemory + 8 * kCycle);
  // Its data holds the lane from 80 to 88 ns.
  EXPECT_EQ(cpu.ask({.address = kHigh, .kind = AccessKind::write, .length = 64, .at = 75'000}).time[TimePart::queue],
            13'000u);
  EXPECT_EQ(cpu.ask({.address = kHigh, .kind = AccessKind::write, .length = 64, .at = 72'000}).time[TimePart::queue],
            0u)
      << "fits in before";
}

TEST_F(BusBench, WithoutALimitNothingWaits) {
  build({.width = {32}, .lanes = 0});
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(cpu.ask({.address = kLow, .length = 64}).done, 10 * kCycle + kMemory + 2 * kCycle);
  }
}

TEST_F(BusBench, DebugAccessesAndDirectPointersGoThrough) {
  build({});
  high_bytes.write64(kHigh + 0x100, 0x1122334455667788);
  EXPECT_EQ(cpu.debug_read(kHigh + 0x100, 2), (std::vector<unsigned char>{0x88, 0x77}));
  EXPECT_EQ(cpu.debug_read(kHigh + kSize - 4, 8).size(), 4u);
  tlm::tlm_generic_payload payload;
  payload.set_address(kHigh + 0x100);
  tlm::tlm_dmi dmi;
  ASSERT_TRUE(cpu.out->get_direct_mem_ptr(payload, dmi));
  EXPECT_EQ(dmi.get_start_address(), kHigh);
  EXPECT_EQ(dmi.get_end_address(), kHigh + kSize - 1);
  EXPECT_EQ(dmi.get_dmi_ptr(), high_bytes.data(kHigh));
  EXPECT_EQ(stat("bus.requests"), 0);
}

// A target that grants more than is mapped to it: the pointer is cut to the range.
TEST(BusOverOneMemory, ADirectPointerEndsWithItsRange) {
  PhysicalMemory bytes{{0x30000}};
  Initiator cpu{"cpu"};
  Bus bus{"bus", {}};
  FixedMemory memory{"memory", {}, bytes};
  cpu.out.bind(bus.in);
  bus.out.bind(memory.port);
  bus.map(0x10000, 0x8000, 0);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  tlm::tlm_generic_payload payload;
  payload.set_address(0x12000);
  tlm::tlm_dmi dmi;
  ASSERT_TRUE(cpu.out->get_direct_mem_ptr(payload, dmi));
  EXPECT_EQ(dmi.get_start_address(), 0x10000u);
  EXPECT_EQ(dmi.get_end_address(), 0x17fffu);
  EXPECT_EQ(dmi.get_dmi_ptr(), bytes.data(0x10000));
}

TEST_F(BusBench, APlainPayloadIsCarriedToo) {
  build({});
  EXPECT_EQ(cpu.ask({.address = kLow, .length = 8, .plain = true, .read_back = true}).done,
            10 * kCycle + kMemory + kCycle);
}

}  // namespace pagoda::bus_test
