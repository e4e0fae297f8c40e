// The operating system and hypervisors with real MMUs: faults and what they cost, shootdowns and what is left in TLBs.
#include "pagoda/software/os.h"

#include <cmath>

#include "pagoda/base/error.h"
#include "pagoda/memory/fixed_memory.h"
#include "support/bench.h"

namespace pagoda::os_test {

using testing::Initiator;
using testing::Reply;

constexpr Ps kMemory = 100'000;
constexpr Ps kInvalidatePage = 100'000;
constexpr Ps kInvalidateAll = 100'000;
constexpr Ps kMinorFault = 250'000;
constexpr Ps kZeroing = 744'727;  // 4096 B at 5.5 GB/s: 744.7272... ns
constexpr Addr kText = 0x7f00'0000'0000;

// A core without a program: takes interrupts at once and remembers them.
struct FakeCore : Processor {
  explicit FakeCore(unsigned number)
      : index(number),
        initiator(("core" + std::to_string(number)).c_str()),
        unit(("mmu" + std::to_string(number)).c_str(), config()) {
    initiator.out.bind(unit.data);
  }
  static MmuConfig config() {
    MmuConfig config;
    config.walker = {.slots = 2, .walk_caches = {}, .nested_tlb = AssocConfig{.entries = 16, .ways = 4}};
    return config;
  }
  unsigned number() const override { return index; }
  Mmu& mmu() override { return unit; }
  Ps interrupt(Ps at, Ps duration) override {
    interrupts.push_back({at, duration});
    return at + duration;
  }

  struct Interrupt {
    Ps at, duration;
  };
  unsigned index;
  Initiator initiator;
  Mmu unit;
  std::vector<Interrupt> interrupts;
};

struct OsBench : ::testing::Test {
  void build(const OsConfig& config, const std::vector<HypervisorConfig>& hypervisors = {}, unsigned core_count = 1) {
    for (unsigned i = 0; i < core_count; ++i) {
      cores.push_back(std::make_unique<FakeCore>(i));
      cores.back()->unit.data_memory.bind(memory.port);
    }
    os.emplace("os", config, hypervisors, bytes, 1);
    process = os->create_process();
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  void assign_all() {
    for (auto& core : cores) os->assign(*core, process);
  }

  // Makes the access until it is done, with a new microsecond for each; returns the faults it met, and what each cost.
  struct Resolved {
    std::vector<Fault> faults;
    std::vector<Ps> costs;
    Reply reply;
  };
  Resolved touch(Addr address, AccessKind kind = AccessKind::read, unsigned core = 0) {
    Resolved resolved;
    for (int attempt = 0; attempt < 10; ++attempt) {
      resolved.reply = cores[core]->initiator.ask({.address = address, .kind = kind, .at = now});
      now = resolved.reply.done + kMicrosecond;
      if (resolved.reply.ok()) break;
      resolved.faults.push_back(resolved.reply.fault);
      const FaultHandler::Outcome outcome = os->handle_fault(*cores[core], resolved.reply.fault, now);
      if (!outcome.resolved) break;
      resolved.costs.push_back(outcome.resume - now);
      now = outcome.resume;
    }
    return resolved;
  }
  std::size_t faults(Addr address, AccessKind kind = AccessKind::read, unsigned core = 0) {
    const Resolved resolved = touch(address, kind, core);
    EXPECT_TRUE(resolved.reply.ok()) << std::hex << address << ": " << to_string(resolved.reply.fault.cause);
    return resolved.faults.size();
  }
  static double stat(const std::string& path) { return testing::all_stats().number(path); }
  double walks(unsigned core) const { return stat("mmu" + std::to_string(core) + ".walker.walks"); }

  PhysicalMemory bytes{{std::uint64_t{512} << 20}};
  FixedMemory memory{"memory", {.latency = Latency::time(kMemory)}, bytes};
  std::vector<std::unique_ptr<FakeCore>> cores;
  std::optional<Os> os;
  Os::ProcessId process = 0;
  Ps now = 0;
};

TEST_F(OsBench, APageFaultsOnceAndCostsTheFaultAndTheZeroing) {
  build({.paging = Paging::demand});
  assign_all();
  for (Addr page = 0; page < 20; ++page) {
    const Resolved first = touch(kText + (page << 12) + 0x123);
    ASSERT_TRUE(first.reply.ok());
    ASSERT_EQ(first.faults.size(), 1u);
    EXPECT_EQ(first.faults[0].cause, FaultCause::not_present);
    EXPECT_EQ(first.faults[0].stage, 0u);
    EXPECT_EQ(first.costs[0], kMinorFault + kZeroing);
    EXPECT_EQ(faults(kText + (page << 12) + 0xff8), 0u);
    EXPECT_EQ(faults(kText + (page << 12), AccessKind::write), 0u) << "flags are preset";
  }
  EXPECT_EQ(stat("os.minor_faults"), 20);
  EXPECT_EQ(stat("os.major_faults"), 0);
  EXPECT_EQ(stat("os.pages_4k"), 20);
}

TEST_F(OsBench, ASuperpageFaultsOnceForAllOfIt) {
  build({.paging = Paging::demand, .page_size = {1 << 21}, .frames = {.contiguity_2m = 1}});
  assign_all();
  const Resolved first = touch(kText + 0x12'3456);
  ASSERT_EQ(first.costs.size(), 1u);
  // 2 MiB at 5.5 GB/s is 381.3 us.
  EXPECT_EQ(first.costs[0], kMinorFault + 381'300'363);
  for (Addr offset = 0; offset < 1 << 21; offset += 0x1f000) EXPECT_EQ(faults(kText + offset), 0u);
  EXPECT_EQ(faults(kText + (1 << 21)), 1u);
  EXPECT_EQ(stat("os.pages_2m"), 2);
}

TEST_F(OsBench, APartOfFirstTouchesReadsThePageFromStorage) {
  build({.paging = Paging::demand, .major_faults = 0.25});
  assign_all();
  constexpr int kPages = 2000;
  int major = 0;
  for (Addr page = 0; page < kPages; ++page) {
    const Resolved first = touch(kText + (page << 12));
    ASSERT_EQ(first.costs.size(), 1u);
    const bool from_storage = first.costs[0] == kMinorFault + kZeroing + 77'000'000;
    EXPECT_TRUE(from_storage || first.costs[0] == kMinorFault + kZeroing) << first.costs[0];
    major += from_storage;
  }
  EXPECT_NEAR(major, kPages * 0.25, 4 * std::sqrt(kPages * 0.25 * 0.75));
  EXPECT_EQ(stat("os.major_faults"), major);
  EXPECT_EQ(stat("os.minor_faults"), kPages - major);
}

TEST_F(OsBench, PremappedMemoryNeverFaults) {
  build({.paging = Paging::premapped});
  assign_all();
  os->premap(process, kText + 0x800, 0x10000);
  for (Addr offset = 0; offset <= 0x10000; offset += 0x1000) EXPECT_EQ(faults(kText + offset, AccessKind::write), 0u);
  EXPECT_EQ(stat("os.pages_4k"), 17) << "the range begins and ends within a page";
  EXPECT_EQ(stat("os.minor_faults"), 0);
  EXPECT_THROW(os->premap(process, 0x0000'7fff'ffff'f000, 0x2000), UserError) << "not canonical any more";
}

TEST_F(OsBench, AFullMemoryIsSaid) {
  build({.paging = Paging::demand});
  EXPECT_THROW(os->premap(process, kText, bytes.size()), UserError);
  assign_all();
  EXPECT_THROW(touch(0x1000), UserError);
}

TEST_F(OsBench, WhatNobodyMayDoIsNotResolved) {
  build({.paging = Paging::demand});
  assign_all();
  const Resolved outside = touch(0x8000'0000'0000);
  EXPECT_FALSE(outside.reply.ok());
  EXPECT_EQ(outside.faults.size(), 1u);
  Fault unknown_owner{.cause = FaultCause::not_present, .stage = 1, .virtual_address = kText};
  EXPECT_FALSE(os->handle_fault(*cores[0], unknown_owner, 0).resolved) << "there is no hypervisor";
}

TEST_F(OsBench, SoftwareSetsFlagsOneFaultEach) {
  build({.format = "sv39", .paging = Paging::demand, .flags = FlagSetting::software});
  assign_all();
  const Resolved read = touch(0x1000);
  ASSERT_EQ(read.faults.size(), 2u);
  EXPECT_EQ(read.faults[0].cause, FaultCause::not_present);
  EXPECT_EQ(read.faults[1].cause, FaultCause::access_flag);
  EXPECT_EQ(read.costs[1], kMinorFault + kInvalidatePage);
  const Resolved write = touch(0x1008, AccessKind::write);
  ASSERT_EQ(write.faults.size(), 1u);
  EXPECT_EQ(write.faults[0].cause, FaultCause::dirty_flag);
  EXPECT_EQ(faults(0x1010, AccessKind::write), 0u);
  EXPECT_EQ(faults(0x2000, AccessKind::write), 2u) << "not present; then both flags at once";
  EXPECT_EQ(stat("os.flag_faults"), 3);
}

TEST_F(OsBench, HardwareSetsFlagsWithoutAFault) {
  build({.format = "sv39", .paging = Paging::demand, .flags = FlagSetting::hardware});
  assign_all();
  EXPECT_EQ(faults(0x1000), 1u);
  PageTableEditor& editor = os->space(process).editor();
  EXPECT_EQ(editor.find(0x1000)->rights & kFlags, Rights::accessed);
  EXPECT_EQ(faults(0x1000, AccessKind::write), 0u);
  EXPECT_EQ(editor.find(0x1000)->rights & kFlags, kFlags);
}

// --- Shootdown -------------------------------------------------------------------------------------------------------

TEST_F(OsBench, AnUnmappedPageIsForgottenByEveryCoreOfTheProcess) {
  build({.paging = Paging::demand}, {}, 4);
  const Os::ProcessId stranger = os->create_process();
  for (unsigned i = 0; i < 3; ++i) os->assign(*cores[i], process);
  os->assign(*cores[3], stranger);
  for (unsigned i = 0; i < 4; ++i) {
    touch(kText, AccessKind::read, i);
    touch(kText + 0x1000, AccessKind::read, i);
  }
  const Ps at = now;
  // The interrupt's way, its handler, the invalidation in it.
  EXPECT_EQ(os->unmap(process, kText, 1, *cores[0], at), at + 1'300'000 + 1'300'000 + kInvalidatePage);
  EXPECT_TRUE(cores[0]->interrupts.empty()) << "the initiator knows";
  EXPECT_TRUE(cores[3]->interrupts.empty()) << "another process";
  for (const unsigned i : {1u, 2u}) {
    ASSERT_EQ(cores[i]->interrupts.size(), 1u);
    EXPECT_EQ(cores[i]->interrupts[0].at, at + 1'300'000);
    EXPECT_EQ(cores[i]->interrupts[0].duration, 1'300'000 + kInvalidatePage);
  }
  now += 10 * kMicrosecond;
  for (unsigned i = 0; i < 3; ++i) {
    const Reply reply = cores[i]->initiator.ask({.address = kText + 8, .at = now});
    EXPECT_EQ(reply.fault.cause, FaultCause::not_present) << "core " << i;
    const double before = walks(i);
    EXPECT_EQ(faults(kText + 0x1000, AccessKind::read, i), 0u);
    EXPECT_EQ(walks(i), before) << "its neighbour stays in the TLB";
  }
  EXPECT_EQ(faults(kText, AccessKind::read, 3), 0u);
  EXPECT_EQ(faults(kText, AccessKind::read, 1), 1u) << "mapped again";
  EXPECT_EQ(faults(kText, AccessKind::read, 2), 0u);
  EXPECT_EQ(stat("os.shootdowns"), 1);
  EXPECT_EQ(stat("os.interrupts_sent"), 2);
  EXPECT_EQ(stat("os.unmapped"), 1);
  EXPECT_EQ(stat("os.shootdown_latency.max"), 2'700);
}

TEST_F(OsBench, AloneACoreOnlyInvalidates) {
  build({.paging = Paging::demand});
  assign_all();
  touch(kText);
  EXPECT_EQ(os->unmap(process, kText, 1, *cores[0], now), now + kInvalidatePage);
  EXPECT_EQ(os->unmap(process, kText, 5, *cores[0], now), now) << "nothing is there any more";
  EXPECT_EQ(stat("os.shootdowns"), 1);
}

TEST_F(OsBench, AboveTheCeilingTheWholeSpaceIsFlushed) {
  build({.paging = Paging::demand}, {}, 2);
  assign_all();
  constexpr Addr kPages = 80;
  for (Addr page = 0; page < kPages; ++page) touch(kText + (page << 12));
  // Linux flushes up to 33 pages one by one.
  EXPECT_EQ(os->unmap(process, kText, 33, *cores[0], now), now + 2'600'000 + 33 * kInvalidatePage);
  EXPECT_EQ(cores[1]->interrupts.back().duration, 1'300'000 + 33 * kInvalidatePage);
  const Addr last = kText + ((kPages - 1) << 12);
  double before = walks(0);
  touch(last);
  EXPECT_EQ(walks(0), before) << "still in a TLB";
  EXPECT_EQ(os->unmap(process, kText + (33 << 12), 34, *cores[0], now), now + 2'600'000 + kInvalidateAll);
  EXPECT_EQ(cores[1]->interrupts.back().duration, 1'300'000 + kInvalidateAll);
  before = walks(0);
  EXPECT_EQ(faults(last), 0u);
  EXPECT_EQ(walks(0), before + 1) << "flushed with the rest";
  for (Addr page = 0; page < 67; page += 11) EXPECT_EQ(faults(kText + (page << 12)), 1u) << page;
  EXPECT_EQ(stat("os.unmapped"), 67);
}

TEST_F(OsBench, AStoreToAProtectedPageFaultsOnceOnEachCore) {
  build({.paging = Paging::demand}, {}, 2);
  assign_all();
  for (const unsigned core : {0u, 1u}) touch(kText, AccessKind::write, core);
  const Ps done = os->write_protect(process, kText, 1, *cores[1], now);
  EXPECT_EQ(done, now + 2'600'000 + kInvalidatePage);
  EXPECT_EQ(cores[0]->interrupts.size(), 1u);
  now = done;
  EXPECT_EQ(faults(kText, AccessKind::read, 0), 0u);
  EXPECT_EQ(faults(kText, AccessKind::read, 1), 0u) << "and now both hold it read-only";
  const Resolved first = touch(kText, AccessKind::write, 0);
  ASSERT_EQ(first.faults.size(), 1u);
  EXPECT_EQ(first.faults[0].cause, FaultCause::permission);
  EXPECT_EQ(first.costs[0], kMinorFault + kInvalidatePage);
  EXPECT_TRUE(first.reply.ok());
  EXPECT_EQ(faults(kText, AccessKind::write, 1), 1u) << "its TLB did not know yet";
  EXPECT_EQ(faults(kText, AccessKind::write, 0), 0u);
  EXPECT_EQ(stat("os.protection_faults"), 1);
  EXPECT_EQ(stat("os.spurious_faults"), 1);
  EXPECT_EQ(stat("os.protected"), 1);
}

TEST_F(OsBench, SuperpagesAreUnmappedAsAWhole) {
  build({.paging = Paging::demand, .page_size = {1 << 21}, .frames = {.contiguity_2m = 1}}, {}, 2);
  assign_all();
  for (const unsigned core : {0u, 1u}) {
    touch(kText + 0x1000, AccessKind::read, core);
    touch(kText + 0x20'0000, AccessKind::read, core);
  }
  os->unmap(process, kText + 0x5000, 1, *cores[0], now);
  now += 10 * kMicrosecond;
  for (const unsigned core : {0u, 1u}) {
    EXPECT_EQ(cores[core]->initiator.ask({.address = kText + 0x1000, .at = now}).fault.cause, FaultCause::not_present);
    EXPECT_EQ(faults(kText + 0x20'0000, AccessKind::read, core), 0u);
  }
}

// --- Hypervisors -----------------------------------------------------------------------------------------------------

TEST_F(OsBench, AGuestsFirstTouchFaultsInEveryStageThatBacksOnDemand) {
  const HypervisorConfig on_demand{.memory = {std::uint64_t{1} << 30}, .paging = Paging::demand};
  build({.paging = Paging::demand}, {on_demand, on_demand});
  assign_all();
  const Resolved first = touch(kText);
  ASSERT_TRUE(first.reply.ok());
  ASSERT_EQ(first.faults.size(), 3u);
  for (unsigned stage = 0; stage < 3; ++stage) {
    EXPECT_EQ(first.faults[stage].stage, stage) << "from the program outwards";
    EXPECT_EQ(first.faults[stage].cause, FaultCause::not_present);
    EXPECT_EQ(first.faults[stage].virtual_address, kText);
  }
  // A hypervisor is left and entered again, which comes on top.
  EXPECT_EQ(first.costs[0], kMinorFault + kZeroing);
  EXPECT_EQ(first.costs[1], 250'000 + kMinorFault + kZeroing);
  EXPECT_EQ(first.costs[2], 250'000 + kMinorFault + kZeroing);
  EXPECT_EQ(faults(kText + 0xff8, AccessKind::write), 0u);
  EXPECT_EQ(stat("os.machine_faults"), 2);
  EXPECT_EQ(stat("os.minor_faults"), 1);
}

TEST_F(OsBench, AHypervisorThatBacksBeforehandNeverFaults) {
  const HypervisorConfig beforehand{.memory = {std::uint64_t{1} << 30}, .paging = Paging::premapped};
  const HypervisorConfig on_demand{.memory = {std::uint64_t{1} << 30}, .paging = Paging::demand};
  build({.paging = Paging::demand}, {on_demand, beforehand});
  assign_all();
  EXPECT_EQ(faults(kText), 2u) << "the program's and the guest hypervisor's";
  EXPECT_EQ(stat("os.machine_faults"), 1);
}

TEST_F(OsBench, AGuestMappedBeforehandRunsWithoutAnyFault) {
  build({}, {{.memory = {std::uint64_t{1} << 30}}});
  os->premap(process, kText, 0x20000);
  assign_all();
  for (Addr offset = 0; offset < 0x20000; offset += 0x1000) EXPECT_EQ(faults(kText + offset, AccessKind::write), 0u);
  EXPECT_EQ(stat("os.machine_faults"), 0);
}

// Freed guest pages keep their backing: only the program's own fault comes back.
TEST_F(OsBench, AGuestUnmapsItsOwnPagesOnly) {
  build({.paging = Paging::demand, .frames = {.order = FrameOrder::sequential, .contiguity_2m = 0}},
        {{.memory = {std::uint64_t{1} << 30}, .paging = Paging::demand}}, 2);
  assign_all();
  EXPECT_EQ(faults(kText), 2u);
  EXPECT_EQ(faults(kText, AccessKind::read, 1), 0u);
  os->unmap(process, kText, 1, *cores[0], now);
  now += 10 * kMicrosecond;
  const Resolved again = touch(kText, AccessKind::read, 1);
  ASSERT_EQ(again.faults.size(), 1u) << "the frame freed last is handed out again";
  EXPECT_EQ(again.faults[0].stage, 0u);
}

// A guest's superpage over the host's small pages lies in TLBs in pieces; all of them have to go.
TEST_F(OsBench, NoPieceOfAGuestsSuperpageStaysBehind) {
  build({.paging = Paging::demand, .page_size = {1 << 21}, .frames = {.contiguity_2m = 1}},
        {{.memory = {std::uint64_t{1} << 30}, .page_size = {4096}}}, 2);
  assign_all();
  for (const unsigned core : {0u, 1u}) {
    for (Addr offset = 0; offset < 1 << 21; offset += 0x21000) touch(kText + offset, AccessKind::read, core);
  }
  EXPECT_EQ(stat("os.pages_2m"), 1);
  os->unmap(process, kText, 1, *cores[0], now);
  now += 10 * kMicrosecond;
  for (const unsigned core : {0u, 1u}) {
    for (Addr offset = 0; offset < 1 << 21; offset += 0x21000) {
      EXPECT_EQ(cores[core]->initiator.ask({.address = kText + offset, .at = now += kMicrosecond}).fault.cause,
                FaultCause::not_present)
          << "core " << core << " at " << std::hex << offset;
    }
  }
}

TEST_F(OsBench, ASmallHostFailsItsGuest) {
  EXPECT_THROW(
      {
        build({}, {{.memory = {std::uint64_t{64} << 30}}});
        os->premap(process, kText, bytes.size());
      },
      UserError);
}

// --- Churn -----------------------------------------------------------------------------------------------------------

struct OsChurn : OsBench, ::testing::WithParamInterface<ChurnKind> {};

TEST_P(OsChurn, TakesPagesAwayInTurnAndTheProgramsTimeWithThem) {
  build({.paging = Paging::demand, .churn = ChurnConfig{.interval = {10'000'000}, .pages = 2, .kind = GetParam()}}, {},
        2);
  assign_all();
  now = 0;
  for (Addr page = 0; page < 6; ++page) touch(kText + (page << 12), AccessKind::write, page % 2);
  sc_core::sc_start(sc_core::sc_time(25, sc_core::SC_US));  // two rounds
  now = std::max(now, kernel_now());
  EXPECT_EQ(stat(GetParam() == ChurnKind::unmap ? "os.unmapped" : "os.protected"), 4);
  EXPECT_EQ(stat("os.shootdowns"), 4);
  ASSERT_EQ(cores[1]->interrupts.size(), 4u);
  EXPECT_EQ(cores[1]->interrupts[0].at, 10'000'000u + 1'300'000u);
  ASSERT_EQ(cores[0]->interrupts.size(), 2u) << "the initiator is away for the round";
  EXPECT_EQ(cores[0]->interrupts[0].at, 10'000'000u);
  EXPECT_EQ(cores[0]->interrupts[0].duration, 2 * (2'600'000u + kInvalidatePage));
  for (Addr page = 0; page < 6; ++page) {
    EXPECT_EQ(faults(kText + (page << 12), AccessKind::write, 1), page < 4 ? 1u : 0u) << "the oldest go first";
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, OsChurn, ::testing::Values(ChurnKind::unmap, ChurnKind::protect));

}  // namespace pagoda::os_test
