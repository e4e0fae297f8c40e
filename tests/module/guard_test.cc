// Guards of translated requests on tables in modelled memory, reached as the IOMMU reaches it: through a Downlink.
#include <cstring>

#include <tlm_utils/simple_target_socket.h>

#include "pagoda/iommu/bundle_guard.h"
#include "pagoda/iommu/permission_table_guard.h"
#include "pagoda/memory/cache.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/software/bundle_manager.h"
#include "support/bench.h"

namespace pagoda::guard_test {

using testing::Initiator;

constexpr Ps kLatency = 100'000;
constexpr Ps kCycle = 1'000;
constexpr Addr kPage = 0x100;

// A memory that knows nothing of TimedTarget: requests for time become payloads.
struct PlainMemory : sc_core::sc_module {
  tlm_utils::simple_target_socket<PlainMemory> port{"port"};
  PhysicalMemory& bytes;
  unsigned requests = 0;

  PlainMemory(const sc_core::sc_module_name& name, PhysicalMemory& memory) : sc_module(name), bytes(memory) {
    port.register_b_transport(this, &PlainMemory::b_transport);
  }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    ++requests;
    std::memcpy(payload.get_data_ptr(), bytes.data(payload.get_address()), payload.get_data_length());
    delay += to_sc_time(kLatency);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};

struct GuardModule : ::testing::Test {
  TranslatedGuard::Request request(std::uint32_t device, Addr page, AccessKind access, Ps at) const {
    return {.device_id = device, .access = access, .address = page << 12, .bytes = 64, .floor = 0, .at = at};
  }
  void bind() {
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    below.bind(*iommu.out.operator->());
  }

  PhysicalMemory bytes{{std::uint64_t{1} << 20}};
  MemoryStore store{bytes};
  BundleLayout layout{.pages = {.range = {kPage, 256}}, .ids = 0x10000, .rows = 0x20000, .bundles = 64, .devices = 40};
  BundleManager manager{{}, layout, store};
  Initiator iommu{"iommu"};
  Downlink below;
  GuardPort port{below, 9};
  BundleGuardConfig config{.ids = {.granule = {64}}, .rights = {.granule = {64}}};
};

TEST_F(GuardModule, ReadsTheTablesThatSoftwareWrote) {
  FixedMemory memory("memory", {.latency = Latency::time(kLatency)}, bytes);
  iommu.out.bind(memory.port);
  bind();
  BundleGuard guard(config, layout, kCycle, port);
  manager.map(1, {{3, DmaRights::read}, {39, DmaRights::read_write}}, kPage + 31);
  const Ps both = 2 * (kCycle + kLatency);
  const auto verdict = guard.check(request(3, kPage + 31, AccessKind::read, 5'000));
  EXPECT_TRUE(verdict.allowed) << "the last id of a granule";
  EXPECT_EQ(verdict.done, 5'000 + both);
  EXPECT_FALSE(guard.check(request(3, kPage + 31, AccessKind::write, 1'000'000)).allowed);
  EXPECT_TRUE(guard.check(request(39, kPage + 31, AccessKind::write, 2'000'000)).allowed);
  EXPECT_FALSE(guard.check(request(39, kPage + 30, AccessKind::write, 3'000'000)).allowed);
  EXPECT_EQ(testing::all_stats().number("memory.reads"), 2) << "one for each granule";
}

TEST_F(GuardModule, ReadsThroughPayloadsWhereTheMemoryIsSomebodyElses) {
  PlainMemory memory("memory", bytes);
  iommu.out.bind(memory.port);
  bind();
  BundleGuard guard(config, layout, kCycle, port);
  manager.map(1, {{3, DmaRights::read}}, kPage + 17);
  const auto verdict = guard.check(request(3, kPage + 17, AccessKind::read, 5'000));
  EXPECT_TRUE(verdict.allowed);
  EXPECT_EQ(verdict.done, 5'000 + 2 * (kCycle + kLatency));
  EXPECT_FALSE(guard.check(request(3, kPage + 17, AccessKind::write, 1'000'000)).allowed);
  EXPECT_EQ(memory.requests, 2u);
}

TEST_F(GuardModule, ATableBeyondTheMemoryBlocks) {
  FixedMemory memory("memory", {.latency = Latency::time(kLatency)}, bytes);
  iommu.out.bind(memory.port);
  bind();
  layout.ids = bytes.size();
  BundleGuard guard(config, layout, kCycle, port);
  EXPECT_FALSE(guard.check(request(3, kPage, AccessKind::read, 0)).allowed);
  PermissionTableGuard flat({}, {.pages = layout.pages, .base = bytes.size(), .devices = 4}, kCycle, port);
  EXPECT_FALSE(flat.check(request(3, kPage, AccessKind::read, 0)).allowed);
}

// Granules of 8 bytes below a cache with lines of 64: the line's second granule comes from the cache.
TEST_F(GuardModule, TablesAreCachedBelowAsAllMemoryIs) {
  FixedMemory memory("memory", {.latency = Latency::time(kLatency)}, bytes);
  Cache cache("cache", {});
  iommu.out.bind(cache.cpu);
  cache.memory.bind(memory.port);
  bind();
  PermissionTableGuard guard({}, {.pages = layout.pages, .base = 0x30000, .devices = 4}, kCycle, port);
  const auto takes = [&](Addr page, Ps at) { return guard.check(request(0, page, AccessKind::read, at)).done - at; };
  EXPECT_GE(takes(kPage, 0), kCycle + kLatency);
  const Ps neighbour = takes(kPage + 32, 1'000'000);
  EXPECT_GT(neighbour, kCycle);
  EXPECT_LT(neighbour, kLatency);
  EXPECT_EQ(takes(kPage + 33, 2'000'000), kCycle);
  EXPECT_EQ(testing::all_stats().number("memory.reads"), 1);
}

}  // namespace pagoda::guard_test
