// The DRAM module: the timing core's closed forms seen through its socket, its bytes, and what it counts.
#include "pagoda/memory/dram.h"
#include "support/bench.h"

namespace pagoda::dram_module_test {

using testing::Initiator;
using testing::Reply;

constexpr Addr kBase = 0x4000'0000;

// DDR4-3200 without refresh, one channel. Its times in ns: tCK 0.625, tRCD, tCL and tRP 13.75, a burst of 8 beats 2.5,
// controller 10 before and 10 after.
DramConfig quiet() {
  DramConfig config = find_dram_preset("DDR4-3200")->config;
  config.organisation.channels = 1;
  config.organisation.mapping = "row:rank:bank:bankgroup:column:channel";
  config.timings.t_refi = Latency::cycles(0);
  return config;
}

constexpr Ps kHit = 10'000 + 13'750 + 2'500 + 10'000;
constexpr Ps kClosed = kHit + 13'750;
constexpr Ps kConflict = kClosed + 13'750;

struct DramModule : ::testing::Test {
  explicit DramModule(const DramConfig& config = quiet()) : dram("dram", config, bytes, kBase) {
    cpu.out.bind(dram.port);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  // With this mapping a row's 8 KiB lie together, and the next row of the bank follows after all banks of all ranks.
  static Addr at_row(std::uint64_t row, std::uint64_t offset = 0) { return kBase + row * (8192 * 2 * 16) + offset; }
  static double stat(const char* path) { return testing::all_stats().number(path); }
  Reply read(Addr address, Ps at, unsigned length = 64) {
    return cpu.ask({.address = address, .length = length, .at = at});
  }

  std::uint64_t size = capacity_bytes(quiet().organisation);
  PhysicalMemory bytes{{kBase + 2 * capacity_bytes(quiet().organisation)}};
  Initiator cpu{"cpu"};
  Dram dram;
};

TEST_F(DramModule, UnloadedReadsTakeTheClosedForm) {
  // Arrivals on clock edges: the first command goes out on one without waiting.
  const auto expect = [](const Reply& reply, Ps at, Ps latency) {
    EXPECT_EQ(reply.done - at, latency);
    EXPECT_EQ(reply.time[TimePart::dram], latency);
    EXPECT_EQ(reply.time[TimePart::queue], 0u);
  };
  expect(read(at_row(5), 0), 0, kClosed);
  expect(read(at_row(5, 4096), 625'000), 625'000, kHit);
  expect(read(at_row(6), 1'250'000), 1'250'000, kConflict);
  const Reply late = read(at_row(6, 64), 1'875'001);
  EXPECT_EQ(late.done, 1'875'625 + kHit) << "the next edge";
  EXPECT_EQ(late.time[TimePart::queue], 624u);
  EXPECT_EQ(stat("dram.reads"), 4);
  EXPECT_EQ(stat("dram.row_hits"), 2);
  EXPECT_EQ(stat("dram.row_closed"), 1);
  EXPECT_EQ(stat("dram.row_conflicts"), 1);
  EXPECT_EQ(stat("dram.row_hit_rate"), 0.5);
  EXPECT_EQ(stat("dram.activates"), 2);
  EXPECT_EQ(stat("dram.read_latency.count"), 4);
  EXPECT_EQ(stat("dram.read_latency.min"), to_ns(kHit));
  EXPECT_EQ(stat("dram.read_latency.max"), to_ns(kConflict));
}

TEST_F(DramModule, ALongReadTakesABurstMoreForEach64Bytes) {
  // Bursts of one bank follow each other after tCCD_L, 8 clocks.
  EXPECT_EQ(read(at_row(1), 0, 4 * 64).done, kClosed + 3 * 8 * 625);
  EXPECT_EQ(read(at_row(1, 8), 625'000, 8).done, 625'000 + kHit) << "part of a burst";
  EXPECT_EQ(read(at_row(1, 60), 1'250'000, 8).done, 1'250'000 + kHit + 8 * 625) << "across two";
}

TEST_F(DramModule, WritesAreAcceptedByTheControllerAndDoneLater) {
  const Reply reply = cpu.ask({.address = at_row(3), .kind = AccessKind::write, .length = 64, .at = 0});
  EXPECT_EQ(reply.done, 10'000u);
  EXPECT_EQ(stat("dram.writes"), 1);
  EXPECT_EQ(stat("dram.bytes"), 64);
  EXPECT_EQ(stat("dram.activates"), 0) << "still queued";
  EXPECT_EQ(stat("dram.energy.write"), 0);
  dram.finish(10'000'000);
  EXPECT_EQ(stat("dram.activates"), 1);
  EXPECT_GT(stat("dram.energy.write"), 0);
  EXPECT_DOUBLE_EQ(stat("dram.bandwidth"), 64.0 / 10'000) << "bytes in 10 us, in GB/s";
  // One burst of 2.5 ns in 10 us.
  EXPECT_DOUBLE_EQ(stat("dram.bus_utilisation"), 2.5 / 10'000);
}

TEST_F(DramModule, BytesGoWhereTheyShould) {
  const std::vector<unsigned char> data{1, 2, 3, 4, 5, 6, 7, 8};
  cpu.ask({.address = kBase + 0x1003, .kind = AccessKind::write, .length = 8, .data = data});
  EXPECT_EQ(bytes.read64(kBase + 0x1003), 0x0807060504030201u);
  EXPECT_EQ(cpu.ask({.address = kBase + 0x1003, .length = 8, .read_back = true}).data, data);
  const Reply masked = cpu.ask({.address = kBase + 0x1003,
                                .kind = AccessKind::write,
                                .length = 8,
                                .data = {9, 9, 9, 9, 9, 9, 9, 9},
                                .enables = {0, 0xff}});
  EXPECT_TRUE(masked.ok());
  EXPECT_EQ(bytes.read64(kBase + 0x1003), 0x0907090509030901u);
  EXPECT_EQ(cpu.ask({.address = kBase + 0x1003, .length = 4, .plain = true, .read_back = true}).data,
            (std::vector<unsigned char>{1, 9, 3, 9}));
}

TEST_F(DramModule, OnlyItsOwnPartOfMemoryIsServed) {
  for (const Addr outside : {Addr{0}, kBase - 64, kBase + size, kBase + size - 32, kBase + 2 * size, ~Addr{0} - 63}) {
    for (const AccessKind kind : {AccessKind::read, AccessKind::write}) {
      const Reply reply = cpu.ask({.address = outside, .kind = kind, .length = 64});
      EXPECT_EQ(reply.status, tlm::TLM_ADDRESS_ERROR_RESPONSE) << std::hex << outside;
      EXPECT_EQ(reply.done, 0u);
    }
  }
  EXPECT_TRUE(read(kBase, 0).ok());
  EXPECT_TRUE(read(kBase + size - 64, 0).ok());
  EXPECT_EQ(stat("dram.reads"), 2);
  EXPECT_TRUE(cpu.debug_read(kBase - 8, 8).empty());
  EXPECT_TRUE(cpu.debug_read(kBase + size, 8).empty());
  EXPECT_EQ(cpu.debug_read(kBase + size - 4, 8).size(), 4u);
  tlm::tlm_generic_payload payload;
  tlm::tlm_dmi dmi;
  ASSERT_TRUE(cpu.out->get_direct_mem_ptr(payload, dmi));
  EXPECT_EQ(dmi.get_start_address(), kBase);
  EXPECT_EQ(dmi.get_end_address(), kBase + size - 1);
  EXPECT_EQ(dmi.get_dmi_ptr(), bytes.data(kBase));
}

TEST_F(DramModule, DebugAccessesTakeNoTimeAndCountNowhere) {
  bytes.write64(kBase + 0x80, 0x1234);
  EXPECT_EQ(cpu.debug_read(kBase + 0x80, 2), (std::vector<unsigned char>{0x34, 0x12}));
  EXPECT_EQ(stat("dram.reads"), 0);
  EXPECT_EQ(read(at_row(0), 0).done, kClosed) << "no row was opened";
}

TEST_F(DramModule, BytesAreCountedByOriginAndEnergyByOperation) {
  Transaction transaction;
  const auto access = [&](Origin origin, tlm::tlm_command command, unsigned length, Ps at) {
    transaction.prepare(command, at_row(2), length, nullptr);
    transaction.attributes.origin = origin;
    sc_core::sc_time delay = delay_until(at);
    cpu.out->b_transport(transaction.payload, delay);
  };
  access(Origin::demand, tlm::TLM_READ_COMMAND, 64, 0);
  access(Origin::walk, tlm::TLM_READ_COMMAND, 8, 1'000'000);
  access(Origin::walk, tlm::TLM_WRITE_COMMAND, 8, 2'000'000);
  access(Origin::prefetch, tlm::TLM_READ_COMMAND, 64, 3'000'000);
  access(Origin::writeback, tlm::TLM_WRITE_COMMAND, 64, 4'000'000);
  access(Origin::dma, tlm::TLM_READ_COMMAND, 256, 5'000'000);
  access(Origin::demand, tlm::TLM_READ_COMMAND, 0, 6'000'000);
  dram.finish(10'000'000);
  EXPECT_EQ(stat("dram.bytes_by_origin.demand"), 64);
  EXPECT_EQ(stat("dram.bytes_by_origin.walk"), 16);
  EXPECT_EQ(stat("dram.bytes_by_origin.prefetch"), 64);
  EXPECT_EQ(stat("dram.bytes_by_origin.writeback"), 64);
  EXPECT_EQ(stat("dram.bytes_by_origin.dma"), 256);
  EXPECT_EQ(stat("dram.bytes_by_origin.migration"), 0);
  EXPECT_EQ(stat("dram.bytes"), 64 + 16 + 64 + 64 + 256);
  double total = 0;
  for (const char* part : {"dram.energy.activate", "dram.energy.read", "dram.energy.write", "dram.energy.background"}) {
    EXPECT_GT(stat(part), 0) << part;
    total += stat(part);
  }
  EXPECT_EQ(stat("dram.energy.refresh"), 0) << "there is none";
  EXPECT_DOUBLE_EQ(stat("dram.energy.total"), total);
}

TEST_F(DramModule, ClearingStatisticsStartsAllFiguresAnew) {
  read(at_row(1), 0);
  read(at_row(2), 1'000'000);
  dram.finish(5'000'000);
  StatReset reset;
  visit_all_stats(reset);
  for (const char* figure : {"dram.reads", "dram.row_closed", "dram.row_conflicts", "dram.activates", "dram.bytes",
                             "dram.bytes_by_origin.demand", "dram.read_latency.count", "dram.energy.total"}) {
    EXPECT_EQ(stat(figure), 0) << figure;
  }
}

struct RefreshedDram : DramModule {
  static DramConfig config() {
    DramConfig config = quiet();
    config.timings.t_refi = Latency::time(7'800'000);
    return config;
  }
  RefreshedDram() : DramModule(config()) {}
};

// Each of the two ranks is refreshed every tREFI.
TEST_F(RefreshedDram, RefreshesGoOnWithoutRequests) {
  dram.finish(7'800'000 * 100);
  EXPECT_NEAR(stat("dram.refreshes"), 2 * 100, 2);
  EXPECT_GT(stat("dram.energy.refresh"), 0);
}

}  // namespace pagoda::dram_module_test
