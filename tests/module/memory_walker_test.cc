// An MMU whose walks are made in memory, over TLM: MMU, L1D, bus, DRAM and the walker beside its array.
#include "pagoda/pim/memory_walker.h"

#include <optional>

#include "pagoda/interconnect/bus.h"
#include "pagoda/memory/cache.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/paging/page_table_editor.h"
#include "support/bench.h"

namespace pagoda::memory_walker_test {

using testing::Initiator;
using testing::Reply;

constexpr Rights kUserPage =
    Rights::read | Rights::write | Rights::user | kExecuteBoth | Rights::accessed | Rights::dirty;
constexpr Addr kPage = 0x12345000;
constexpr Addr kFrame = 0x40000000;
constexpr Ps kLink = 50'000;  // one way and back

DramConfig quiet() {
  DramConfig config = find_dram_preset("DDR4-3200")->config;
  config.organisation.mapping = "row:rank:bank:bankgroup:column:channel";
  config.timings.t_refi = Latency::cycles(0);
  return config;
}

struct MemoryWalkerTest : ::testing::Test, HostCaches {
  void build(WalkerPlace place = WalkerPlace::memory, bool fetch_data = false) {
    MmuConfig config;
    config.walker = {.slots = 4, .place = place, .fetch_data = fetch_data, .nested_tlb = std::nullopt};
    config.clock = Frequency{1'000'000'000};
    mmu.emplace("mmu", config);
    cache.emplace("l1d", CacheConfig{.size = {32 * 1024}, .ways = 8, .latency = Latency::cycles(1)});
    bus.emplace("bus", BusConfig{.latency = Latency::time(kLink), .lanes = 0});
    dram.emplace("dram", quiet(), bytes, 0);
    if (with_walker) {
      walker.emplace("walker", walker_config, *dram, bytes);
      walker->connect(*this);
    }
    cpu.out.bind(mmu->data);
    mmu->data_memory.bind(cache->cpu);
    cache->memory.bind(bus->in);
    if (place != WalkerPlace::host) mmu->memory_walks.bind(bus->in);
    bus->out.bind(dram->port);
    bus->map(0, bytes.size(), 0);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    BumpFrames anywhere(0x100000, 0x8000000);
    FrameSource& frames = with_walker ? walker->rows().frames(0) : anywhere;
    stage.format = find_page_format("sv48");
    stage.controls.riscv.adue = true;
    stage.root = *PageTableEditor::make_root(*stage.format, store, frames);
    map(kPage, kFrame);
    mmu->set_context({{stage}, {.asid = 1}, false});
  }
  void map(Addr input, Addr output, Rights rights = kUserPage) {
    FrameSource& frames = with_walker ? walker->rows().frames(0) : static_cast<FrameSource&>(spare);
    ASSERT_EQ(PageTableEditor(stage, store, frames).map(input, {.output = output, .page_shift = 12, .rights = rights}),
              EditStatus::ok);
  }
  Reply load(Addr address, Ps at) { return cpu.ask({.address = address, .at = at}); }
  static double stat(const char* path) { return testing::all_stats().number(path); }

  Copy find(Addr line) override {
    if (cache->core().holds_dirty(line)) return Copy::dirty;
    return cache->core().holds(line) ? Copy::clean : Copy::none;
  }
  Ps recall(Addr line, Ps at, Ps floor) override { return cache->recall(line, at, floor); }

  MemoryWalkerConfig walker_config{.buffer = std::nullopt};
  bool with_walker = true;
  PhysicalMemory bytes{{capacity_bytes(quiet().organisation)}};
  MemoryStore store{bytes};
  BumpFrames spare{0x8000000, 0x10000000};
  Initiator cpu{"cpu"};
  std::optional<Mmu> mmu;
  std::optional<Cache> cache;
  std::optional<Bus> bus;
  std::optional<Dram> dram;
  std::optional<MemoryWalker> walker;
  Stage stage;
};

// One round trip over the link for the whole walk: link + 10 ns + 4 * (tRCD + 8 + 1 clocks) + tCL + burst + 10 ns, and
// the record's 24 bytes on a lane of the bus.
TEST_F(MemoryWalkerTest, AMissIsOneTransactionAndItsTimeTheClosedForm) {
  build();
  const Reply reply = load(kPage + 0x18, 0);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(stat("mmu.walker.handed"), 1);
  EXPECT_EQ(stat("mmu.walker.table_reads"), 0);
  EXPECT_EQ(stat("walker.commands"), 1);
  EXPECT_EQ(stat("walker.outcomes.result"), 1);
  EXPECT_EQ(stat("walker.table_reads"), 4);
  EXPECT_EQ(stat("dram.bytes_by_origin.walk"), 0);
  const double lane = 1;  // ns: 24 of 32 bytes a cycle of 1 GHz
  const double stlb = 7;  // its walk starts behind the second level
  EXPECT_NEAR(stat("mmu.walker.latency.mean"), 50 + 10 + 4 * (13.75 + 9 * 0.625) + 13.75 + 2.5 + 10 + lane, 0.625);
  EXPECT_GE(reply.time[TimePart::tlb], static_cast<Ps>(stlb * 1000));
  EXPECT_TRUE(load(kPage + 0x20, 1'000'000).ok());
  EXPECT_EQ(stat("walker.commands"), 1) << "the TLB has it";
}

TEST_F(MemoryWalkerTest, FaultsComeBackWithTheirCauseAndTheRetryFindsThePage) {
  build();
  const Reply fault = load(kPage + 0x1000, 0);
  EXPECT_EQ(fault.status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(fault.fault.cause, FaultCause::not_present);
  EXPECT_EQ(fault.fault.virtual_address, kPage + 0x1000);
  map(kPage + 0x1000, kFrame + 0x9000);
  EXPECT_TRUE(load(kPage + 0x1000, 1'000'000).ok());
  EXPECT_EQ(stat("walker.outcomes.not_present"), 1);
  EXPECT_EQ(stat("walker.outcomes.result"), 1);
}

TEST_F(MemoryWalkerTest, WhatIsOutOfReachTheHostWalks) {
  build();
  BumpFrames elsewhere(0x100000, 0x8000000);
  Stage other = stage;
  other.root = *PageTableEditor::make_root(*other.format, store, elsewhere);
  ASSERT_EQ(
      PageTableEditor(other, store, elsewhere).map(kPage, {.output = kFrame, .page_shift = 12, .rights = kUserPage}),
      EditStatus::ok);
  mmu->set_context({{other}, {.asid = 2}, false});
  EXPECT_TRUE(load(kPage, 0).ok());
  EXPECT_EQ(stat("walker.outcomes.fallback"), 1);
  EXPECT_EQ(stat("mmu.walker.fallbacks"), 1);
  EXPECT_EQ(stat("mmu.walker.table_reads"), 4);
  EXPECT_GT(stat("dram.bytes_by_origin.walk"), 0);
}

TEST_F(MemoryWalkerTest, AMemoryWithoutAWalkerLeavesAllToTheHost) {
  with_walker = false;
  build();
  // The memory refuses the command or does not know it; either way the outcome stays what it was.
  EXPECT_TRUE(load(kPage, 0).ok());
  EXPECT_EQ(stat("mmu.walker.fallbacks"), 1);
  EXPECT_EQ(stat("mmu.walker.table_reads"), 4);
}

TEST_F(MemoryWalkerTest, HybridWalksHereWhereOneReadIsLeft) {
  build(WalkerPlace::hybrid);
  EXPECT_TRUE(load(kPage, 0).ok());
  EXPECT_EQ(stat("mmu.walker.handed"), 1) << "the walk caches are empty";
  map(kPage + 0x1000, kFrame + 0x1000);
  EXPECT_TRUE(load(kPage + 0x1000, 1'000'000).ok());
  EXPECT_EQ(stat("mmu.walker.handed"), 1);
  EXPECT_EQ(stat("mmu.walker.table_reads"), 1) << "the answer told where the leaf's table lies";
  map(kPage + (Addr{1} << 30), kFrame + 0x2000);
  EXPECT_TRUE(load(kPage + (Addr{1} << 30), 2'000'000).ok());
  EXPECT_EQ(stat("mmu.walker.handed"), 2);
}

TEST_F(MemoryWalkerTest, DataComesWithTheTranslationIntoTheFirstLevelCache) {
  build(WalkerPlace::memory, true);
  EXPECT_TRUE(load(kPage + 0x48, 0).ok());
  EXPECT_EQ(stat("walker.outcomes.data"), 1);
  EXPECT_EQ(stat("l1d.misses"), 0);
  EXPECT_EQ(stat("l1d.hits"), 1);
  EXPECT_EQ(stat("dram.reads"), 0) << "no request for it";
  EXPECT_EQ(stat("dram.bytes_by_origin.demand"), 64) << "but it has crossed the channel";
}

// The host's own walker dirties a table's line when it sets a flag; the array then has to have it back.
TEST_F(MemoryWalkerTest, ADirtyTableLineInACacheIsWrittenBackFirst) {
  build(WalkerPlace::hybrid);
  map(kPage + 0x1000, kFrame + 0x1000, kUserPage & ~kFlags);
  EXPECT_TRUE(load(kPage, 0).ok());
  EXPECT_TRUE(cpu.ask({.address = kPage + 0x1000, .kind = AccessKind::write, .at = 1'000'000}).ok());
  EXPECT_EQ(stat("mmu.walker.updates"), 1) << "by the host";
  mmu->invalidate({}, 2'000'000);
  EXPECT_TRUE(load(kPage, 3'000'000).ok());
  EXPECT_EQ(stat("walker.host_copies.writebacks"), 1);
  EXPECT_EQ(stat("l1d.writebacks"), 1);
  EXPECT_GE(stat("walker.host_copies.wait"), 60);
}

TEST_F(MemoryWalkerTest, MaintenanceReachesTheBufferAndIsPaidFor) {
  walker_config.buffer = TlbConfig{.entries = 16, .ways = 4, .latency = Latency::cycles(1), .ports = 0};
  build();
  EXPECT_TRUE(load(kPage, 0).ok());
  ASSERT_EQ(PageTableEditor(stage, store, walker->rows().frames(0)).unmap(kPage, 12), EditStatus::ok);
  map(kPage, kFrame + 0x3000);
  const Ps done = mmu->invalidate({.address = kPage, .asid = 1}, 1'000'000);
  EXPECT_GT(done, 1'000'000 + 100'000 + kLink) << "the core's own and a round trip";
  EXPECT_TRUE(load(kPage, 2'000'000).ok());
  EXPECT_EQ(stat("walker.buffer.hits"), 0);
  EXPECT_EQ(stat("walker.table_reads"), 8);
}

TEST_F(MemoryWalkerTest, ATableWrittenByTheHostDropsWhatTheBufferHas) {
  walker_config.buffer = TlbConfig{.entries = 16, .ways = 4, .latency = Latency::cycles(1), .ports = 0};
  build();
  EXPECT_TRUE(load(kPage, 0).ok());
  const Addr leaf = PageTableEditor(stage, store, walker->rows().frames(0)).find(kPage)->leaf_address;
  tlm::tlm_generic_payload write;
  std::uint64_t entry = store.read(leaf);
  write.set_write();
  write.set_address(leaf);
  write.set_data_ptr(reinterpret_cast<unsigned char*>(&entry));
  write.set_data_length(sizeof entry);
  write.set_streaming_width(sizeof entry);
  sc_core::sc_time delay(1, sc_core::SC_US);
  mmu->memory_walks->b_transport(write, delay);
  ASSERT_TRUE(write.is_response_ok());
  EXPECT_EQ(stat("walker.buffer.overwritten"), 1);
}

TEST_F(MemoryWalkerTest, ACommandItDoesNotKnowIsRefused) {
  build();
  tlm::tlm_generic_payload command;
  command.set_command(tlm::TLM_IGNORE_COMMAND);
  command.set_address(stage.root);
  sc_core::sc_time delay;
  mmu->memory_walks->b_transport(command, delay);
  EXPECT_EQ(command.get_response_status(), tlm::TLM_COMMAND_ERROR_RESPONSE);
}

}  // namespace pagoda::memory_walker_test
