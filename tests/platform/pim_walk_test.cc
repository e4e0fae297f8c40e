// Walks in memory at platform level: what the link costs, what crosses the channel, what can be seen and what is refused.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::pim_walk_test {

using ::testing::HasSubstr;
using testing::Outcome;
using testing::read_file;
using testing::run_platform;
using testing::RunStats;
using testing::Workspace;

// A lone dependent load after the other, each with a walk, nothing refreshed: what a walk takes unloaded.
RunStats run_unloaded(const std::string& walker, const std::string& format, const std::string& link) {
  const Workspace workspace;
  return run_platform(workspace, {"pim_walk", "--variant", "graph-" + walker, "--set", "os.format=" + format, "--set",
                                  "memory_bus.latency=" + link, "--set", "cpus.*.workload.pattern.count=3000", "--set",
                                  "cpus.*.workload.pattern.size=256 MiB", "--set",
                                  "memory.0.dram.timings.t_refi=0 cycles", "--set", "memory.0.walker.buffer=none"});
}

struct Levels {
  const char* format;
  double count;
};
void PrintTo(const Levels& levels, std::ostream* out) { *out << levels.format; }

class LinkCost : public ::testing::TestWithParam<Levels> {};

// levels * (link + row access) against link + levels * (precharge + activate + sense): 100 ns more of link.
TEST_P(LinkCost, AHostPaysTheLinkForEveryLevelTheArrayOnce) {
  const auto latency = [](const std::string& walker, const std::string& link) {
    return run_unloaded(walker, GetParam().format, link)["cpu0.mmu.walker.latency.mean"];
  };
  EXPECT_NEAR(latency("uncached", "120 ns") - latency("uncached", "20 ns"), GetParam().count * 100, 2);
  EXPECT_NEAR(latency("array", "120 ns") - latency("array", "20 ns"), 100, 2);
  EXPECT_NEAR(latency("controller", "120 ns") - latency("controller", "20 ns"), 100, 2);
}

INSTANTIATE_TEST_SUITE_P(Formats, LinkCost, ::testing::Values(Levels{"sv39", 3}, Levels{"sv48", 4}, Levels{"sv57", 5}),
                         [](const auto& test) { return std::string(test.param.format); });

class PimWalk : public ::testing::TestWithParam<const char*> {};

// The run itself checks that no table entry crosses the channel during a walk beside the array.
TEST_P(PimWalk, EveryCommandEndsInOneOutcomeAndTablesStayWhereTheyAre) {
  const std::string walker = GetParam();
  const Workspace workspace;
  const RunStats stats =
      run_platform(workspace, {"pim_walk", "--variant", "gups8-" + walker, "--set", "cpus.*.workload.pattern.count=500",
                               "--set", "cpus.*.workload.pattern.size=64 MiB", "--set", "cpus.*.count=2"});
  const std::string outcomes = "memory0_walker.outcomes.";
  const double ended = stats[outcomes + "result"] + stats[outcomes + "data"] + stats[outcomes + "not_present"] +
                       stats[outcomes + "fallback"];
  EXPECT_EQ(stats["memory0_walker.commands"], ended);
  const bool in_memory = walker == "controller" || walker == "array" || walker == "hybrid" || walker == "data";
  EXPECT_EQ(ended > 0, in_memory);
  EXPECT_EQ(stats[outcomes + "fallback"], 0);
  if (in_memory && walker != "controller") {
    EXPECT_EQ(stats["memory0_walker.table_bytes"], 0);
  }
  if (walker == "array" || walker == "data") {
    EXPECT_EQ(stats["walks.table_bytes"], 0);
    EXPECT_EQ(stats["memory0.bytes_by_origin.walk"], 0);
  } else {
    EXPECT_GT(stats["walks.table_bytes"], 0);
  }
  EXPECT_GT(stats["walks.energy_per_walk"], 0);
  EXPECT_GT(stats["walks.bank_time"], 0);
  EXPECT_EQ(stats["walks.walks"], stats["cpu0.mmu.walker.walks"] + stats["cpu1.mmu.walker.walks"]);
}

INSTANTIATE_TEST_SUITE_P(Walkers, PimWalk,
                         ::testing::Values("uncached", "bare", "host", "controller", "array", "hybrid", "data"),
                         [](const auto& test) { return std::string(test.param); });

TEST(PimWalkRun, PagesComeOnDemandAndFlagsAreSetInTheArray) {
  const Workspace workspace;
  const RunStats stats =
      run_platform(workspace, {"pim_walk", "--variant", "gups-array", "--set", "cpus.*.workload.pattern.count=2000",
                               "--set", "cpus.*.workload.pattern.size=256 MiB", "--set", "os.paging=demand", "--set",
                               "os.flags=hardware", "--set", "os.format=sv48"});
  EXPECT_GT(stats["memory0_walker.outcomes.not_present"], 1000) << "a fault, a page, and again";
  EXPECT_EQ(stats["memory0_walker.outcomes.not_present"], stats["os.minor_faults"]);
  EXPECT_GT(stats["memory0_walker.updates"], 1000);
  EXPECT_EQ(stats["walks.table_bytes"], 0);
}

TEST(PimWalkRun, MaintenanceGoesToMemoryToo) {
  const Workspace workspace;
  const RunStats stats = run_platform(
      workspace, {"pim_walk", "--variant", "gups-array", "--set", "cpus.*.workload.pattern.count=5000", "--set",
                  "cpus.*.workload.pattern.size=256 MiB", "--set", "os.churn={interval: 5 us, pages: 4}", "--set",
                  "memory.0.walker.associative={rows: 4}"});
  EXPECT_GT(stats["os.shootdowns"], 10);
  EXPECT_GT(stats["memory0_walker.invalidations"], 10);
  EXPECT_GT(stats["memory0_walker.associative.searches"], stats["memory0_walker.commands"]);
}

TEST(PimWalkRun, WaveformsShowWalksBanksQueueAndBuffer) {
  const Workspace workspace;
  const std::string wave = workspace.path("walk.vcd");
  run_platform(workspace, {"pim_walk", "--variant", "gups-array", "--set", "cpus.*.workload.pattern.count=200", "--set",
                           "cpus.*.workload.pattern.size=64 MiB", "--vcd", wave});
  const std::string text = read_file(wave);
  for (const char* name : {"memory0_walker", "queue", "slot0_level", "banks_in_use", "bank31_row", "hits"}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
}

TEST(PimWalkInput, SaysWhatCannotBe) {
  const Workspace workspace;
  const auto refusal = [&](const std::vector<std::string>& sets) {
    std::vector<std::string> arguments{"check", "pim_walk"};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    const Outcome outcome = workspace.pagoda(arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1);
    return outcome.errors;
  };
  EXPECT_THAT(refusal({"memory.0.walker=none", "cpus.*.mmu.walker.place=memory"}), HasSubstr("no memory has one"));
  EXPECT_THAT(refusal({"memory.0.walker.queue=1"}), HasSubstr("smaller than `slots`"));
  EXPECT_THAT(refusal({"memory.0.walker.tables.rows=65536"}), HasSubstr("leaves no row"));
  EXPECT_THAT(refusal({"memory.0.dram.organisation.mapping=rank:row:bank:bankgroup:column:channel"}),
              HasSubstr("begins with `row:`"));
  EXPECT_THAT(refusal({"memory.0.walker.associative={compare_bit: 1 us}"}), HasSubstr("longer than refresh leaves it"));
  EXPECT_THAT(refusal({"memory.0.walker.kind=controller", "memory.0.walker.associative={rows: 4}"}),
              HasSubstr("only with kind: array"));
}

}  // namespace pagoda::pim_walk_test
