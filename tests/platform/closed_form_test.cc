// Whole platforms against what can be computed by hand.
#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::closed_form_test {

using testing::run_platform;
using testing::RunStats;
using testing::Workspace;

// One core without anything between its MMU and a memory that takes 100 ns, and no cache of any table entry.
constexpr const char* kBare = R"(
name: bare
cpus:
  - clock: 1 GHz
    core: {fetch: false}
    mmu:
      dtlb: {entries: 8, ways: 8, latency: 0 cycles}
      stlb: null
      walker: {slots: 1, walk_caches: [], nested_tlb: null}
    l1i: null
    l1d: null
    l2: null
    walks_enter: memory
    workload: {pattern: {kind: sequential, count: 1, size: 4 KiB}}
bus: {latency: 0 cycles, lanes: 0, width: 64 B}
memory: [{kind: fixed, size: 8 GiB, fixed: {latency: 100 ns}}]
)";

struct WalkLength {
  const char* name;
  std::vector<const char*> formats;  // the program's, then the hypervisors'
  double reads;
};

class ColdMiss : public ::testing::TestWithParam<WalkLength> {};

// n stages of l0, l1 ... levels need (l0 + 1)(l1 + 1)... - 1 reads (Bhargava et al., ASPLOS 2008, for two).
TEST_P(ColdMiss, ReadsEveryTableOnce) {
  const Workspace workspace;
  std::string platform = kBare;
  platform += std::string("os: {format: ") + GetParam().formats.front() + "}\n";
  if (GetParam().formats.size() > 1) platform += "hypervisors:\n";
  const char* memory = "1 GiB";  // the guest's; the machine of a hypervisor in between is larger
  for (std::size_t i = 1; i < GetParam().formats.size(); ++i) {
    platform += std::string("  - {format: ") + GetParam().formats[i] + ", memory: " + memory + "}\n";
    memory = "2 GiB";
  }
  const RunStats stats = run_platform(workspace, {workspace.write("bare.yaml", platform)});
  EXPECT_EQ(stats["cpu0.accesses"], 1);
  EXPECT_EQ(stats["cpu0.mmu.walker.walks"], 1);
  EXPECT_EQ(stats["cpu0.mmu.walker.table_reads"], GetParam().reads);
  EXPECT_EQ(stats["cpu0.mmu.walker.updates"], 0) << "the operating system preset the flags";
}

INSTANTIATE_TEST_SUITE_P(Formats, ColdMiss,
                         ::testing::Values(WalkLength{"x86_4", {"x86-64-4"}, 4}, WalkLength{"x86_5", {"x86-64-5"}, 5},
                                           WalkLength{"sv39", {"sv39"}, 3}, WalkLength{"sv48", {"sv48"}, 4},
                                           WalkLength{"sv57", {"sv57"}, 5},
                                           WalkLength{"x86_4_over_ept_4", {"x86-64-4", "ept-4"}, 24},
                                           WalkLength{"sv39_over_sv39x4", {"sv39", "sv39x4"}, 15},
                                           WalkLength{"three_of_4", {"x86-64-4", "ept-4", "ept-4"}, 124}),
                         [](const auto& test) { return test.param.name; });

// Going round n pages of an LRU TLB of 8 entries misses once per page if they fit, and always if they do not.
TEST(LruTlb, CyclicAccessFollowsTheClosedForm) {
  constexpr unsigned kRounds = 5;
  for (const unsigned pages : {1u, 7u, 8u, 9u, 32u}) {
    const Workspace workspace;
    const std::string count = std::to_string(pages * kRounds);
    const std::string size = std::to_string(pages * 4) + " KiB";
    const RunStats stats = run_platform(
        workspace, {workspace.write("bare.yaml", kBare), "--set", "cpus.workload.pattern.kind=strided", "--set",
                    "cpus.workload.pattern.stride=4 KiB", "--set", "cpus.workload.pattern.size=" + size, "--set",
                    "cpus.workload.pattern.count=" + count, "--set", "cpus.core.window=1"});
    const double misses = pages <= 8 ? pages : pages * kRounds;
    EXPECT_EQ(stats["cpu0.mmu.dtlb.misses"], misses) << pages << " pages";
    EXPECT_EQ(stats["cpu0.mmu.dtlb.hits"], pages * kRounds - misses) << pages << " pages";
    EXPECT_EQ(stats["cpu0.mmu.walker.walks"], misses) << pages << " pages";
  }
}

// A chain of loads without walk caches: each costs four table reads and itself, 100 ns and a beat of the 2 GHz bus
// each.
TEST(Latency, ADependentColdLoadCostsFiveMemoryAccesses) {
  const Workspace workspace;
  const RunStats stats =
      run_platform(workspace, {workspace.write("bare.yaml", kBare), "--set", "cpus.workload.pattern.kind=chase",
                               "--set", "cpus.workload.pattern.element=4 KiB", "--set",
                               "cpus.workload.pattern.size=4 MiB", "--set", "cpus.workload.pattern.count=1000"});
  EXPECT_EQ(stats["cpu0.mmu.walker.walks"], 1000);
  EXPECT_DOUBLE_EQ(stats["cpu0.access_time.walk"], 1000 * 4 * 100.5);
  EXPECT_NEAR(stats["simulated_time_ns"], 1000 * 5 * 100.5, 1000 * 3.0) << "and a cycle or two to issue each";
  double parts = 0;
  for (const char* part : {"tlb", "walk", "cache", "link", "dram", "queue"}) {
    parts += stats[std::string("cpu0.access_time.") + part];
  }
  EXPECT_NEAR(parts, stats["cpu0.access_latency.mean"] * 1000, 1e-6 * parts) << "the parts add up";
}

// Touching an anonymous 4 KiB page for the first time took 1,013 ns (see os_config.h). With the defaults, entry,
// handler and zeroing add up to it.
TEST(MinorFault, AFirstTouchTakesAsLongAsMeasured) {
  constexpr double kMeasured = 1013;
  const Workspace workspace;
  const RunStats stats = run_platform(
      workspace, {workspace.write("bare.yaml", kBare), "--set", "os.paging=demand", "--set",
                  "cpus.workload.pattern.kind=strided", "--set", "cpus.workload.pattern.stride=4 KiB", "--set",
                  "cpus.workload.pattern.size=400 KiB", "--set", "cpus.workload.pattern.count=100"});
  ASSERT_EQ(stats["cpu0.faults"], 100);
  ASSERT_EQ(stats["os.minor_faults"], 100);
  EXPECT_NEAR(stats["cpu0.fault_time"] / 100, kMeasured, 0.1 * kMeasured);
}

struct CacheHit {
  const char* size;  // of a chase that the caches above hold nothing of
  double cycles;     // of the core, at 4 GHz
};

// Skylake Server: 4, 14 and 50 to 70 cycles (Intel 64 and IA-32 Architectures Optimization Reference Manual).
TEST(Desktop, CacheHitsTakeAsLongAsOnSkylake) {
  for (const CacheHit& hit : {CacheHit{"16 KiB", 4}, CacheHit{"512 KiB", 14}, CacheHit{"4 MiB", 70}}) {
    const Workspace workspace;
    const std::string chase = std::string("{pattern: {kind: chase, element: 64 B, count: 200000, size: ") + hit.size;
    const RunStats stats = run_platform(
        workspace, {"desktop", "--set", "cpus.workload=" + chase + "}}", "--set", "cpus.core.fetch=false", "--set",
                    "warmup=100000", "--set", "os.page_size=2 MiB", "--set", "os.frames.contiguity_2m=1"});
    EXPECT_EQ(stats["cpu0.access_latency.max"], hit.cycles / 4) << hit.size;
    EXPECT_EQ(stats["cpu0.access_latency.min"], hit.cycles / 4) << hit.size;
  }
}

// platforms/desktop.yaml says of these round figures that they do not matter.
TEST(Desktop, IsNotLimitedByItsRoundFigures) {
  const Workspace workspace;
  const RunStats limited = run_platform(workspace, {"desktop"});
  const RunStats unlimited =
      run_platform(workspace, {"desktop", "--set", "cpus.l2.mshrs=0", "--set", "cpus.l1d.write_buffer=0", "--set",
                               "cpus.l2.write_buffer=0", "--set", "llc.mshrs=0", "--set", "llc.write_buffer=0", "--set",
                               "llc.ports=0", "--set", "bus.lanes=0", "--set", "memory_bus.lanes=0"});
  EXPECT_NEAR(unlimited["simulated_time_ns"], limited["simulated_time_ns"], 0.001 * limited["simulated_time_ns"]);
}

}  // namespace pagoda::closed_form_test
