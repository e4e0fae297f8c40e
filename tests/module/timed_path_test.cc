// Requests for time alone (base/timed_target.h) against payloads, and what must not stay behind of either.
#include <random>

#include "pagoda/base/downlink.h"
#include "pagoda/interconnect/bus.h"
#include "pagoda/memory/cache.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/paging/page_table_editor.h"
#include "support/bench.h"

namespace pagoda::timed_path_test {

using testing::Initiator;
using testing::Reply;

constexpr Rights kUserPage = Rights::read | Rights::write | Rights::user | Rights::accessed | Rights::dirty;

// A machine from MMU to memory, with everything bounded.
struct Chain {
  explicit Chain(const std::string& prefix)
      : cpu((prefix + "cpu").c_str()),
        mmu((prefix + "mmu").c_str(), {}),
        cache((prefix + "cache").c_str(), {.size = {2048}, .ways = 4, .ports = 1, .mshrs = 2, .write_buffer = 1}),
        bus((prefix + "bus").c_str(), {.lanes = 1}),
        memory((prefix + "memory").c_str(), {}, bytes) {
    cpu.out.bind(mmu.data);
    mmu.data_memory.bind(cache.cpu);
    cache.memory.bind(bus.in);
    bus.out.bind(memory.port);
    bus.map(0, bytes.size(), 0);
  }

  void map_pages(Addr first, unsigned pages, MemoryType type = MemoryType::platform) {
    PageTableEditor editor(stage, store, frames);
    for (Addr page = first; page < first + pages * 4096; page += 4096) {
      ASSERT_EQ(editor.map(page, {.output = 0x1000000 + page, .rights = kUserPage, .memory_type = type}),
                EditStatus::ok);
    }
  }
  void run() { mmu.set_context({.stages = {stage}, .tag = {}, .allow_user_data = false}); }

  PhysicalMemory bytes{{std::uint64_t{1} << 26}};
  MemoryStore store{bytes};
  BumpFrames frames{0x100000, 0x200000};
  Stage stage{.format = find_page_format("x86-64-4"),
              .root = *PageTableEditor::make_root(*find_page_format("x86-64-4"), store, frames)};
  Initiator cpu;
  Mmu mmu;
  Cache cache;
  Bus bus;
  FixedMemory memory;
};

TEST(TimedPath, TakesTheTimeThatPayloadsTake) {
  Chain by_payload("a_");
  Chain by_time("b_");
  for (Chain* chain : {&by_payload, &by_time}) chain->map_pages(0x10000, 100);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  by_payload.run();
  by_time.run();
  Downlink link;
  link.bind(*by_time.cpu.out.operator->());

  std::mt19937_64 random(17);
  Ps now = 0;
  int faults = 0;
  int crossings = 0;
  Addr address = 0x10000;
  for (int i = 0; i < 20'000; ++i) {
    now += random() % 20'000;
    // Mostly near the last one, so that lines and pages repeat; the last page is not mapped.
    address = random() % 4 == 0 ? 0x10000 + random() % (101 * 4096) : address + random() % 24;
    const auto bytes = static_cast<std::uint32_t>(1 + random() % 100);
    const AccessKind kind = random() % 3 == 0 ? AccessKind::write : AccessKind::read;
    const Ps at = now + random() % 100'000;

    const Reply expected = by_payload.cpu.ask({.address = address, .kind = kind, .length = bytes, .at = at});
    TimeSplit time;
    Fault fault;
    TimedRequest request{.address = address,
                         .bytes = bytes,
                         .info = {.access = kind, .privilege = Privilege::user},
                         .time = &time,
                         .fault = &fault};
    const TimedAnswer answer = link.access(request, at);

    ASSERT_EQ(answer.done, expected.done) << "request " << i;
    ASSERT_EQ(answer.status(), expected.status);
    ASSERT_EQ(time.parts, expected.time.parts);
    ASSERT_EQ(fault.cause, expected.fault.cause);
    ASSERT_EQ(fault.virtual_address, expected.fault.virtual_address);
    if (answer.ok()) {
      ASSERT_EQ(time.total(), answer.done - at) << "every picosecond is accounted for";
    }
    faults += fault ? 1 : 0;
    crossings += address / 4096 != (address + bytes - 1) / 4096 ? 1 : 0;
  }
  EXPECT_GT(faults, 10);
  EXPECT_GT(crossings, 10);
}

TEST(TimedPath, AFaultLeftInAnInitiatorsAttributesRefusesNothing) {
  Chain chain("");
  chain.map_pages(0x10000, 2);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  chain.run();
  Transaction transaction;
  transaction.prepare(tlm::TLM_READ_COMMAND, 0x50000, 8, nullptr);
  transaction.attributes.privilege = Privilege::user;
  sc_core::sc_time delay;
  chain.cpu.out->b_transport(transaction.payload, delay);
  ASSERT_EQ(transaction.attributes.fault.cause, FaultCause::not_present);
  for (const Addr mapped : {0x10000, 0x11000}) {  // the initiator uses the payload again, as TLM-2.0 allows
    transaction.payload.set_address(mapped);
    chain.cpu.out->b_transport(transaction.payload, delay);
    EXPECT_TRUE(transaction.payload.is_response_ok());
    EXPECT_EQ(transaction.attributes.fault.cause, FaultCause::none);
  }
}

TEST(TimedPath, NothingOfAnUncachedAccessStaysBehind) {
  Chain chain("");
  chain.map_pages(0x10000, 2, MemoryType::uncached);
  chain.map_pages(0x400000, 2);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  chain.run();
  ASSERT_TRUE(chain.cpu.ask({.address = 0x10ffc, .read_back = true}).ok()) << "crosses into the second page";
  const auto looked_up = [] {
    const StatNode stats = testing::all_stats();
    return stats.number("cache.hits") + stats.number("cache.misses");
  };
  const double before = looked_up();
  ASSERT_TRUE(chain.cpu.ask({.address = 0x400000, .read_back = true}).ok());
  EXPECT_GE(looked_up() - before, 2) << "its page-table entries and its data";
}

// A fetch that arrives at the data socket is one for the instruction TLB, whatever data accesses came before it.
TEST(TimedPath, AFetchNeverTakesTheDataTlb) {
  Chain chain("");
  PageTableEditor editor(chain.stage, chain.store, chain.frames);
  ASSERT_EQ(editor.map(0x10000, {.output = 0x1000000, .rights = kUserPage | kExecuteBoth}), EditStatus::ok);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  chain.run();
  Downlink link;
  link.bind(*chain.cpu.out.operator->());
  const auto access = [&](AccessKind kind, Ps at) {
    TimeSplit time;
    Fault fault;
    TimedRequest request{.address = 0x10000,
                         .bytes = 8,
                         .info = {.access = kind, .privilege = Privilege::user},
                         .time = &time,
                         .fault = &fault};
    return link.access(request, at).ok();
  };
  const auto look_ups = [](const char* tlb) {
    const StatNode stats = testing::all_stats();
    return stats.number(std::string("mmu.") + tlb + ".hits") + stats.number(std::string("mmu.") + tlb + ".misses");
  };
  Ps at = 0;
  for (const AccessKind kind : {AccessKind::fetch, AccessKind::fetch, AccessKind::read, AccessKind::fetch}) {
    EXPECT_TRUE(access(kind, at += 1'000'000));
  }
  EXPECT_EQ(look_ups("itlb"), 3);
  EXPECT_EQ(look_ups("dtlb"), 1);
}

TEST(TimedPath, APreparedTransactionKeepsNothingOfWhatItWas) {
  Transaction transaction;
  transaction.attributes.info() = {.requester = 1,
                                   .pasid = 2,
                                   .key_id = 3,
                                   .asid = 4,
                                   .vmid = 5,
                                   .access = AccessKind::fetch,
                                   .privilege = Privilege::user,
                                   .origin = Origin::dma,
                                   .translated = true,
                                   .uncached = true};
  transaction.attributes.keeps_time = true;
  transaction.attributes.fault.cause = FaultCause::poison;
  transaction.prepare(tlm::TLM_READ_COMMAND, 0, 8, nullptr);
  const Attributes& now = transaction.attributes;
  EXPECT_EQ(now.requester + now.pasid + now.key_id + now.asid + now.vmid, 0u);
  EXPECT_EQ(now.access, AccessKind::read);
  EXPECT_EQ(now.privilege, Privilege::supervisor);
  EXPECT_EQ(now.origin, Origin::demand);
  EXPECT_FALSE(now.translated || now.uncached || now.keeps_time || now.fault);
}

// SMAP refuses a supervisor's access to a user page; the translation was cached while SMAP was off.
TEST(TimedPath, ControlsThatChangeAreAskedAgain) {
  Chain chain("");
  chain.map_pages(0x10000, 1);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  chain.run();
  const testing::Request supervisor{.address = 0x10000, .privilege = Privilege::supervisor};
  EXPECT_TRUE(chain.cpu.ask(supervisor).ok());
  EXPECT_TRUE(chain.cpu.ask(supervisor).ok());
  chain.stage.controls.x86.smap = true;
  chain.run();
  EXPECT_EQ(chain.cpu.ask(supervisor).fault.cause, FaultCause::permission);
}

}  // namespace pagoda::timed_path_test
