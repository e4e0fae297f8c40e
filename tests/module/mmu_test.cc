#include "pagoda/mmu/mmu.h"

#include <map>

#include <tlm_utils/simple_target_socket.h>

#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/paging/page_table_editor.h"
#include "support/bench.h"

namespace pagoda::mmu_test {

using testing::Initiator;
using testing::Reply;
using testing::Request;

constexpr Ps kMemory = 100'000;
constexpr Ps kCycle = 1000;
constexpr Rights kUserPage =
    Rights::read | Rights::write | Rights::user | kExecuteBoth | Rights::accessed | Rights::dirty;

// No caches in front of memory: a table read costs exactly kMemory. Walk caches and nested TLB as the test asks.
MmuConfig bare_walker(std::uint32_t slots = 2) {
  MmuConfig config;
  config.walker = {.slots = slots, .walk_caches = {}, .nested_tlb = std::nullopt};
  config.dtlb.ports = 0;
  return config;
}

struct MmuBench : ::testing::Test {
  void build(const MmuConfig& config) {
    mmu.emplace("mmu", config);
    cpu.out.bind(mmu->data);
    mmu->data_memory.bind(data.port);
    mmu->walk_memory.bind(tables.port);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }

  // A stage whose tables lie in memory directly (the last one, or an only one).
  Stage& add_stage(const char* format_name) {
    stages.push_back({.format = find_page_format(format_name)});
    stages.back().root = *PageTableEditor::make_root(*stages.back().format, store, frames);
    return stages.back();
  }
  void map(const Stage& stage, Addr input, Addr output, unsigned shift = 12, Rights rights = kUserPage) {
    ASSERT_EQ(
        PageTableEditor(stage, store, frames).map(input, {.output = output, .page_shift = shift, .rights = rights}),
        EditStatus::ok);
  }
  void run_with(AddressSpaceTag tag = {}) { mmu->set_context({stages, tag, false}); }

  Reply load(Addr address, Ps at = 0) { return cpu.ask({.address = address, .at = at}); }
  Reply store_to(Addr address, Ps at = 0) { return cpu.ask({.address = address, .kind = AccessKind::write, .at = at}); }
  static double stat(const char* path) { return testing::all_stats().number(path); }

  PhysicalMemory bytes{{std::uint64_t{1} << 34}};
  MemoryStore store{bytes};
  BumpFrames frames{0x100000, 0x8000000};
  std::vector<Stage> stages;
  Initiator cpu{"cpu"};
  std::optional<Mmu> mmu;
  FixedMemory data{"data", {.latency = Latency::time(kMemory)}, bytes};
  FixedMemory tables{"tables", {.latency = Latency::time(kMemory)}, bytes};
};

struct WalkLength {
  const char* format;
  unsigned levels;
};
void PrintTo(const WalkLength& length, std::ostream* out) { *out << length.format; }

struct MmuWalkLength : MmuBench, ::testing::WithParamInterface<WalkLength> {};

TEST_P(MmuWalkLength, AColdMissReadsOneEntryPerLevelAndASecondAccessNone) {
  build(bare_walker());
  const Stage stage = add_stage(GetParam().format);
  map(stage, 0x12345000, 0x40000000);
  run_with();
  const unsigned levels = GetParam().levels;
  const Reply cold = load(0x12345678);
  ASSERT_TRUE(cold.ok());
  EXPECT_EQ(cold.done, 7 * kCycle + levels * kMemory + kMemory) << "second-level TLB, table reads, data";
  EXPECT_EQ(cold.time[TimePart::walk], levels * kMemory);
  EXPECT_EQ(stat("mmu.walker.table_reads"), levels);
  EXPECT_EQ(load(0x12345000, 10'000'000).done, 10'000'000 + kMemory);
  EXPECT_EQ(stat("mmu.walker.table_reads"), levels);
  EXPECT_EQ(stat("mmu.dtlb.hits"), 1);
}

INSTANTIATE_TEST_SUITE_P(Formats, MmuWalkLength,
                         ::testing::Values(WalkLength{"x86-64-4", 4}, WalkLength{"x86-64-5", 5}, WalkLength{"sv39", 3},
                                           WalkLength{"sv48", 4}, WalkLength{"sv57", 5}, WalkLength{"armv8-s1", 4}));

TEST_F(MmuBench, TheDataComesFromTheTranslatedAddressAndGoesThere) {
  build(bare_walker());
  map(add_stage("x86-64-4"), 0x7000, 0x123456000);
  run_with();
  bytes.write64(0x123456100, 0x0807060504030201);
  EXPECT_EQ(cpu.ask({.address = 0x7100, .read_back = true}).data[2], 3);
  cpu.ask({.address = 0x7108, .kind = AccessKind::write, .length = 2, .data = {0xaa, 0xbb}});
  EXPECT_EQ(bytes.read64(0x123456108), 0xbbaau);
  EXPECT_EQ(cpu.debug_read(0x7100, 16).at(9), 0xbb);
  EXPECT_EQ(cpu.debug_read(0x7ff8, 16).size(), 8u) << "the next page is not mapped";
}

// Two hardware threads on the same address of different processes: each reaches its own page, also out of the TLB.
TEST_F(MmuBench, EachHardwareThreadHasItsOwnTranslationRegisters) {
  build(bare_walker());
  const Stage one = add_stage("x86-64-4");
  const Stage two = add_stage("x86-64-4");
  map(one, 0x7000, 0x40000000);
  map(two, 0x7000, 0x50000000);
  mmu->set_context({{one}, {.asid = 1}, false});
  mmu->set_context({{two}, {.asid = 2}, false}, 3);
  bytes.write64(0x40000000, 111);
  bytes.write64(0x50000000, 222);
  for (int round = 0; round < 3; ++round) {
    mmu->select(0);
    EXPECT_EQ(cpu.ask({.address = 0x7000, .read_back = true}).data[0], 111);
    EXPECT_EQ(mmu->context().tag.asid, 1u);
    mmu->select(3);
    EXPECT_EQ(cpu.ask({.address = 0x7000, .read_back = true}).data[0], 222);
    EXPECT_EQ(mmu->context().tag.asid, 2u);
  }
  EXPECT_EQ(stat("mmu.walker.walks"), 2) << "both stay in the TLB";
  mmu->select(0);
  mmu->set_context({}, 3);
  EXPECT_TRUE(load(0x7000).ok()) << "the other's registers are left alone";
  mmu->select(3);
  EXPECT_EQ(cpu.ask({.address = 0x40000000, .read_back = true}).data[0], 111) << "not translated any more";
}

TEST_F(MmuBench, WalkCachesLeaveOneReadForANeighbouringPage) {
  MmuConfig config = bare_walker();
  config.walker.walk_caches = {
      {.level = 1}, {.level = 2, .entries = 4, .ways = 4}, {.level = 3, .entries = 2, .ways = 2}};
  build(config);
  const Stage stage = add_stage("x86-64-4");
  map(stage, 0x1000, 0x40000000);
  map(stage, 0x2000, 0x50000000);
  map(stage, 0x40002000, 0x60000000);  // shares the PML4 entry only
  run_with();
  EXPECT_EQ(load(0x1000).time[TimePart::walk], kCycle + 4 * kMemory);
  EXPECT_EQ(load(0x2000, 1'000'000).time[TimePart::walk], kCycle + 1 * kMemory);
  EXPECT_EQ(load(0x40002000, 2'000'000).time[TimePart::walk], kCycle + 3 * kMemory);
  EXPECT_EQ(stat("mmu.walker.walk_cache_1.hits"), 1);
  EXPECT_EQ(stat("mmu.walker.walk_cache_3.hits"), 1);
}

TEST_F(MmuBench, WalksToOnePageMergeAndWalksBeyondTheSlotsWait) {
  build(bare_walker(2));
  const Stage stage = add_stage("x86-64-4");
  for (Addr page = 1; page <= 3; ++page) map(stage, page << 12, 0x40000000 + (page << 12));
  run_with();
  constexpr Ps kWalk = 4 * kMemory;
  const Ps look_up = 7 * kCycle;  // one port: the second look-up starts a cycle later
  EXPECT_EQ(load(0x1000).time[TimePart::walk], kWalk);
  const Reply merged = load(0x1800, 50'000);
  EXPECT_EQ(merged.done, look_up + kWalk + kMemory) << "as early as the walk it joins";
  EXPECT_EQ(load(0x2000).time[TimePart::walk], kWalk);
  const Reply waited = load(0x3000);
  EXPECT_EQ(waited.time[TimePart::walk], kWalk);
  // 0x1000 and 0x2000 have both walkers, and the look-up of 0x3000 came a cycle after theirs or later.
  EXPECT_EQ(waited.time.total(), waited.done);
  EXPECT_GE(waited.time[TimePart::queue], kWalk - 2 * kCycle);
  EXPECT_EQ(stat("mmu.walker.walks"), 3);
  EXPECT_EQ(stat("mmu.walker.merged"), 1);
  EXPECT_EQ(stat("mmu.dtlb.merged"), 1);
}

TEST_F(MmuBench, ASecondLevelHitSavesTheWalk) {
  MmuConfig config = bare_walker();
  config.dtlb = {.entries = 1, .ways = 1, .ports = 0};
  build(config);
  const Stage stage = add_stage("x86-64-4");
  map(stage, 0x1000, 0x40000000);
  map(stage, 0x2000, 0x50000000);
  run_with();
  load(0x1000);
  load(0x2000, 1'000'000);
  EXPECT_EQ(load(0x1000, 2'000'000).done, 2'000'000 + 7 * kCycle + kMemory);
  EXPECT_EQ(stat("mmu.stlb.hits"), 1);
}

// Leaf level x offset: every superpage at its first, a middle and its last byte.
TEST_F(MmuBench, SuperpagesTranslateAtEveryOffset) {
  build(bare_walker());
  const Stage stage = add_stage("x86-64-4");
  map(stage, 0x40000000, 0x200000000, 30);
  map(stage, 0x80200000, 0x100200000, 21);
  map(stage, 0x80001000, 0x100005000, 12);
  run_with();
  struct Case {
    Addr virtual_page, physical_page, size;
    unsigned reads;
  };
  Ps now = 0;
  double reads = 0;
  for (const Case& c : {Case{0x40000000, 0x200000000, 1 << 30, 2}, Case{0x80200000, 0x100200000, 1 << 21, 3},
                        Case{0x80001000, 0x100005000, 1 << 12, 4}}) {
    reads += c.reads;
    for (const Addr offset : {Addr{0}, Addr{8}, c.size / 2 + 0x128, c.size - 8}) {
      bytes.write64(c.physical_page + offset, offset + 77);
      const Reply reply = cpu.ask({.address = c.virtual_page + offset, .at = now += 1'000'000, .read_back = true});
      ASSERT_TRUE(reply.ok());
      Addr value = 0;
      std::memcpy(&value, reply.data.data(), 8);
      EXPECT_EQ(value, offset + 77) << std::hex << c.virtual_page + offset;
    }
    EXPECT_EQ(stat("mmu.walker.table_reads"), reads) << "one walk serves the whole page";
  }
}

TEST_F(MmuBench, ATlbWithoutSuperpagesKeepsThemInPieces) {
  MmuConfig config = bare_walker();
  config.dtlb.page_sizes = {{4096}};
  config.stlb.reset();
  build(config);
  map(add_stage("x86-64-4"), 0x200000, 0x40000000, 21);
  run_with();
  load(0x200000);
  load(0x201000, 1'000'000);
  load(0x200008, 2'000'000);
  EXPECT_EQ(stat("mmu.walker.walks"), 2);
  EXPECT_EQ(stat("mmu.dtlb.hits"), 1);
}

struct FaultCase {
  Rights rights;
  AccessKind kind;
  Privilege privilege;
  FaultCause cause;
};

TEST_F(MmuBench, EveryRefusalCarriesItsCauseAndAddress) {
  build(bare_walker());
  Stage& stage = add_stage("x86-64-4");
  stage.controls.x86.smep = true;
  stage.controls.x86.smap = true;
  const std::vector<FaultCase> cases{
      {kUserPage & ~Rights::write, AccessKind::write, Privilege::user, FaultCause::permission},
      {kUserPage & ~Rights::user, AccessKind::read, Privilege::user, FaultCause::permission},
      {kUserPage & ~kExecuteBoth, AccessKind::fetch, Privilege::user, FaultCause::permission},
      {kUserPage, AccessKind::read, Privilege::supervisor, FaultCause::permission},
      {kUserPage, AccessKind::fetch, Privilege::supervisor, FaultCause::permission},
      {kUserPage & ~Rights::user, AccessKind::write, Privilege::supervisor, FaultCause::none}};
  for (std::size_t i = 0; i < cases.size(); ++i) map(stage, (i + 1) << 12, 0x40000000 + (i << 12), 12, cases[i].rights);
  run_with();
  Ps now = 0;
  for (int round = 0; round < 2; ++round) {  // the second time some of them hit a TLB
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const Addr address = ((i + 1) << 12) + 0x18;
      const Reply reply =
          cpu.ask({.address = address, .kind = cases[i].kind, .at = now += 1'000'000, .privilege = cases[i].privilege});
      EXPECT_EQ(reply.fault.cause, cases[i].cause) << i;
      EXPECT_EQ(reply.status,
                cases[i].cause == FaultCause::none ? tlm::TLM_OK_RESPONSE : tlm::TLM_COMMAND_ERROR_RESPONSE);
      if (reply.fault) {
        EXPECT_EQ(reply.fault.virtual_address, address);
        EXPECT_EQ(reply.fault.access, cases[i].kind);
        EXPECT_EQ(reply.fault.privilege, cases[i].privilege);
      }
    }
  }
  EXPECT_EQ(load(0x123456789000, now += 1'000'000).fault.cause, FaultCause::not_present);
  const Reply non_canonical = load(0x8000'0000'0000'0000, now += 1'000'000);
  EXPECT_EQ(non_canonical.fault.cause, FaultCause::non_canonical);
  EXPECT_EQ(non_canonical.status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(stat("mmu.faults"), 12);
}

TEST_F(MmuBench, ATableOrPageOutsideMemoryIsAnAccessError) {
  build(bare_walker());
  const Stage stage = add_stage("x86-64-4");
  map(stage, 0x1000, Addr{1} << 40);
  bytes.write64(stage.root + 8 * 5, (Addr{1} << 41) | 7);
  run_with();
  const Reply page = load(0x1000);
  EXPECT_EQ(page.status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(page.fault.cause, FaultCause::access_error);
  EXPECT_EQ(page.fault.virtual_address, 0x1000u);
  EXPECT_EQ(load(Addr{5} << 39, 1'000'000).fault.cause, FaultCause::access_error);
}

TEST_F(MmuBench, TheFirstWriteToACleanPageSetsDirtyOnceThroughAnotherWalk) {
  build(bare_walker());
  Stage& stage = add_stage("x86-64-4");
  map(stage, 0x1000, 0x40000000, 12, kUserPage & ~(Rights::accessed | Rights::dirty));
  run_with();
  PageTableEditor editor(stage, store, frames);
  load(0x1000);
  EXPECT_TRUE(has(editor.find(0x1000)->rights, Rights::accessed));
  EXPECT_FALSE(has(editor.find(0x1000)->rights, Rights::dirty));
  EXPECT_EQ(store_to(0x1008, 1'000'000).time[TimePart::walk], 4 * kMemory + kMemory) << "a walk and the flag's write";
  EXPECT_TRUE(has(editor.find(0x1000)->rights, Rights::dirty));
  EXPECT_EQ(store_to(0x1010, 2'000'000).done, 2'000'000 + kMemory);
  EXPECT_EQ(stat("mmu.walker.walks"), 2);
}

TEST_F(MmuBench, StaleTranslationsLastUntilTheyAreInvalidated) {
  build(bare_walker());
  const Stage stage = add_stage("x86-64-4");
  map(stage, 0x1000, 0x40000000);
  run_with();
  bytes.write64(0x40000000, 1);
  bytes.write64(0x50000000, 2);
  const auto value = [&](Ps at) { return cpu.ask({.address = 0x1000, .at = at, .read_back = true}).data[0]; };
  EXPECT_EQ(value(0), 1);
  PageTableEditor editor(stage, store, frames);
  ASSERT_EQ(editor.unmap(0x1000, 12), EditStatus::ok);
  map(stage, 0x1000, 0x50000000);
  EXPECT_EQ(value(1'000'000), 1) << "the old page, as hardware would";
  EXPECT_EQ(mmu->invalidate({.address = 0x1000}, 2'000'000), 2'000'000 + 100'000) << "the default";
  EXPECT_EQ(value(3'000'000), 2);
}

TEST_F(MmuBench, AsidsKeepSpacesApartAndGlobalPagesAreShared) {
  build(bare_walker());
  const Stage first = add_stage("x86-64-4");
  map(first, 0x1000, 0x40000000);
  map(first, 0x2000, 0x41000000, 12, kUserPage | Rights::global);
  run_with({.asid = 1});
  load(0x1000);
  load(0x2000, 1'000'000);
  stages.clear();
  const Stage second = add_stage("x86-64-4");
  map(second, 0x1000, 0x50000000);
  bytes.write64(0x50000000, 5);
  bytes.write64(0x41000000, 4);
  run_with({.asid = 2});
  EXPECT_EQ(cpu.ask({.address = 0x1000, .at = 2'000'000, .read_back = true}).data[0], 5);
  EXPECT_EQ(cpu.ask({.address = 0x2000, .at = 3'000'000, .read_back = true}).data[0], 4) << "a hit on the global entry";
  EXPECT_EQ(stat("mmu.walker.walks"), 3);

  mmu->invalidate({.asid = 2, .globals = false}, 4'000'000);
  EXPECT_TRUE(load(0x2000, 5'000'000).ok()) << "globals stay";
  mmu->invalidate({}, 6'000'000);
  EXPECT_FALSE(load(0x2000, 7'000'000).ok());
}

TEST_F(MmuBench, VmidsKeepMachinesApartEvenForGlobalPages) {
  build(bare_walker());
  map(add_stage("x86-64-4"), 0x1000, 0x40000000, 12, kUserPage | Rights::global);
  run_with({.asid = 1, .vmid = 1});
  load(0x1000);
  stages.clear();
  add_stage("x86-64-4");
  run_with({.asid = 1, .vmid = 2});
  EXPECT_EQ(load(0x1000, 1'000'000).fault.cause, FaultCause::not_present);
}

TEST_F(MmuBench, AnAccessAcrossPagesIsTranslatedWholeBeforeAnyPartIsDone) {
  build(bare_walker());
  const Stage stage = add_stage("x86-64-4");
  map(stage, 0x1000, 0x40000000);
  map(stage, 0x2000, 0x50000000);
  map(stage, 0x4000, 0x60000000);
  run_with();
  const Request write{.address = 0x1ffc, .kind = AccessKind::write, .length = 8, .data = {1, 2, 3, 4, 5, 6, 7, 8}};
  ASSERT_TRUE(cpu.ask(write).ok());
  EXPECT_EQ(bytes.read64(0x40000ff8) >> 32, 0x04030201u);
  EXPECT_EQ(bytes.read64(0x50000000), 0x08070605u);
  EXPECT_EQ(stat("mmu.walker.walks"), 2);
  EXPECT_EQ(cpu.ask({.address = 0x1ffc, .at = 1'000'000, .read_back = true}).data, write.data);

  Request masked = write;
  masked.at = 2'000'000;
  masked.data = {9, 9, 9, 9, 9, 9, 9, 9};
  masked.enables = {0, 0xff, 0, 0, 0, 0xff, 0, 0};
  ASSERT_TRUE(cpu.ask(masked).ok());
  EXPECT_EQ(bytes.read64(0x40000ff8) >> 32, 0x04030901u);
  EXPECT_EQ(bytes.read64(0x50000000), 0x08070905u);

  Request half_mapped = write;
  half_mapped.address = 0x4ffc;
  half_mapped.at = 3'000'000;
  const Reply refused = cpu.ask(half_mapped);
  EXPECT_EQ(refused.fault.cause, FaultCause::not_present);
  EXPECT_EQ(refused.fault.virtual_address, 0x5000u);
  EXPECT_EQ(bytes.read64(0x60000ff8), 0u) << "nothing of the store was done";
}

TEST_F(MmuBench, UncacheablePagesAreMarkedForTheCachesBelow) {
  struct Watch : sc_core::sc_module {
    tlm_utils::simple_target_socket<Watch> port{"port"};
    std::vector<bool> uncached;
    explicit Watch(const sc_core::sc_module_name& name) : sc_module(name) {
      port.register_b_transport(this, &Watch::b_transport);
    }
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
      uncached.push_back(payload.get_extension<Attributes>()->uncached);
      payload.set_response_status(tlm::TLM_OK_RESPONSE);
    }
  } watch{"watch"};
  mmu.emplace("mmu", bare_walker());
  cpu.out.bind(mmu->data);
  mmu->data_memory.bind(watch.port);
  mmu->walk_memory.bind(tables.port);
  Initiator unused{"unused"};
  unused.out.bind(data.port);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  const Stage stage = add_stage("x86-64-4");
  PageTableEditor editor(stage, store, frames);
  ASSERT_EQ(editor.map(0x1000, {.output = 0x40000000, .rights = kUserPage, .memory_type = MemoryType::uncached}),
            EditStatus::ok);
  ASSERT_EQ(editor.map(0x2000, {.output = 0x50000000, .rights = kUserPage}), EditStatus::ok);
  run_with();
  load(0x1000);
  load(0x2000);
  cpu.ask({.address = 0x1000, .plain = true});
  EXPECT_EQ(watch.uncached, (std::vector<bool>{true, false, true}));
}

TEST_F(MmuBench, ZeroLengthAndUntranslatedAccessesPass) {
  build(bare_walker());
  EXPECT_EQ(load(0x40).done, kMemory) << "no context: physical addresses";
  map(add_stage("x86-64-4"), 0x1000, 0x40000000);
  run_with();
  EXPECT_TRUE(cpu.ask({.address = 0x1000, .length = 0}).ok());
}

// Closed form: cyclic access to one page more than an LRU TLB holds misses always, to as many as it holds only at
// first.
TEST_F(MmuBench, CyclicAccessFollowsTheLruClosedForm) {
  MmuConfig config = bare_walker();
  config.dtlb = {.entries = 16, .ways = 16, .ports = 0};
  config.stlb.reset();
  build(config);
  const Stage stage = add_stage("x86-64-4");
  for (Addr page = 1; page <= 64; ++page) map(stage, page << 12, 0x40000000 + (page << 12));
  run_with();
  Ps now = 0;
  const auto sweep = [&](Addr first, Addr pages) {
    for (int round = 0; round < 10; ++round) {
      for (Addr page = first; page < first + pages; ++page) load(page << 12, now += 1'000'000);
    }
  };
  sweep(1, 16);
  EXPECT_EQ(stat("mmu.dtlb.misses"), 16);
  EXPECT_EQ(stat("mmu.dtlb.hits"), 9 * 16);
  sweep(32, 17);
  EXPECT_EQ(stat("mmu.dtlb.misses"), 16 + 10 * 17);
}

}  // namespace pagoda::mmu_test
