// Paged memory as a user runs it. Every run checks that pages are valid in one place, come back as they left, and leave
// memory only when they are safe, and fails otherwise.
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::capi_memory_test {

using testing::Outcome;
using testing::read_file;
using testing::run_platform;
using testing::RunStats;
using testing::Workspace;

// Small programs: 4 MiB each, four on two hardware threads.
const std::vector<std::string> kSmall{"capi_memory",
                                      "--set",
                                      "cpus.0.count=1",
                                      "--set",
                                      "cpus.0.smt={threads: 2, programs: 4}",
                                      "--set",
                                      "cpus.0.workloads=[{pattern: {kind: hot_cold, size: 4 MiB, element: 4 KiB, "
                                      "count: 1500, write_ratio: 0.3, gap: 3000, "
                                      "hot_fraction: 0.3, hot_share: 0.9}}]"};

std::vector<std::string> small(const std::string& variant, const std::vector<std::string>& sets = {}) {
  std::vector<std::string> arguments = kSmall;
  arguments.insert(arguments.end(), {"--variant", variant});
  for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
  return arguments;
}

RunStats run_small(const std::string& variant, const std::vector<std::string>& sets = {}) {
  const Workspace workspace;
  return run_platform(workspace, small(variant, sets));
}

// The parts of all faults' time are their time.
void expect_parts_add_up(const RunStats& stats) {
  double sum = 0;
  for (const char* part : {"software", "shootdown", "context", "frame", "other", "page_out", "driver", "queue",
                           "translation", "link", "memory", "media", "retry", "notice"}) {
    sum += stats[std::string("paging.pager.fault_time.") + part];
  }
  const double faults = stats["paging.pager.fault_latency.count"];
  EXPECT_NEAR(sum, faults * stats["paging.pager.fault_latency.mean"], 1 + sum * 1e-9);
}

TEST(CapiMemory, ComparesAllVariants) {
  const Workspace workspace;
  std::vector<std::string> arguments{"run"};
  arguments.insert(arguments.end(), kSmall.begin(), kSmall.end());
  arguments.insert(arguments.end(), {"--all-variants", "--out", "all"});
  const Outcome outcome = workspace.pagoda(arguments);
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_NE(outcome.out.find("faults/s"), std::string::npos);
  const auto stats_of = [&](const char* variant) {
    return RunStats(workspace.path(fmt::format("all/{}/stats.json", variant)));
  };
  const RunStats dram = stats_of("dram"), capi = stats_of("capi"), polling = stats_of("polling"),
                 serial = stats_of("serial"), remote = stats_of("remote"), swap = stats_of("swap");
  EXPECT_EQ(dram["paging.pager.fault_latency.count"], 0);
  for (const RunStats* stats : {&capi, &polling, &serial, &remote, &swap}) {
    EXPECT_EQ((*stats)["paging.pages"], 4 * 1024);
    EXPECT_EQ((*stats)["paging.frames"], 2 * 1024);
    EXPECT_GT((*stats)["paging.pager.fault_latency.count"], 1000);
    EXPECT_GT((*stats)["paging.pager.page_outs"], 100);
    EXPECT_EQ((*stats)["paging.pager.programs_ended"], 0);
    EXPECT_GT((*stats)["simulated_time_ns"], 1.2 * dram["simulated_time_ns"]);
    expect_parts_add_up(*stats);
  }
  // Two programs had to wait for a hardware thread; where nobody sleeps, that is all.
  for (const RunStats* stats : {&capi, &polling, &serial, &remote}) EXPECT_EQ((*stats)["paging.context_switches"], 2);
  EXPECT_GE(swap["paging.context_switches"], swap["paging.pager.page_ins"]);
  EXPECT_EQ(swap["paging.polling_slots"], 0);
  EXPECT_GT(swap["paging.interrupts"], 0);
  EXPECT_GT(polling["paging.polling_slots"], capi["paging.polling_slots"]) << "what lowering the priority gives";
  EXPECT_GT(capi["paging.sibling_ipc"], polling["paging.sibling_ipc"]);
  EXPECT_LT(capi["simulated_time_ns"], polling["simulated_time_ns"]);
  EXPECT_GT(serial["paging.pager.fault_time.page_out"], 0);
  EXPECT_GT(serial["paging.pager.fault_latency.mean"], capi["paging.pager.fault_latency.mean"]);
  EXPECT_LT(remote["paging.pager.fault_latency.mean"], capi["paging.pager.fault_latency.mean"]);
}

TEST(CapiMemory, LessMemoryMeansMoreFaults) {
  double faults = 1e9, time = 1e12;
  for (const char* dram : {"0.25", "0.5", "0.75", "1"}) {
    const RunStats stats = run_small("capi", {std::string("paging.dram=") + dram});
    EXPECT_LT(stats["paging.pager.fault_latency.count"], faults) << dram;
    EXPECT_LT(stats["simulated_time_ns"], time) << dram;
    faults = stats["paging.pager.fault_latency.count"];
    time = stats["simulated_time_ns"];
  }
  EXPECT_EQ(faults, 0);
}

// From one thread to as many as there may be.
TEST(CapiMemory, AnyNumberOfCoresAndThreads) {
  for (const char* cores : {"1", "4"}) {
    for (const char* threads : {"1", "8"}) {
      const RunStats stats =
          run_small("capi", {std::string("cpus.0.count=") + cores, fmt::format("cpus.0.smt={{threads: {}}}", threads),
                             "cpus.0.workloads.0.pattern.count=100"});
      EXPECT_EQ(stats["paging.pages"], 1024.0 * std::stoi(cores) * std::stoi(threads));
      EXPECT_GT(stats["paging.pager.page_ins"], 10);
    }
  }
}

TEST(CapiMemory, FewerContextsThanThreadsMakeThemWait) {
  const RunStats own = run_small("capi");
  EXPECT_EQ(own["paging.pager.fault_time.context"], 0);
  EXPECT_EQ(own["paging.adapter.contexts_attached"], 2);
  const RunStats shared = run_small("capi", {"paging.coherent.contexts=1"});
  EXPECT_EQ(shared["paging.adapter.contexts_attached"], 1);
  EXPECT_GT(shared["paging.pager.fault_time.context"], 0);
  EXPECT_GT(shared["simulated_time_ns"], own["simulated_time_ns"]);
}

TEST(CapiMemory, TheAdapterTranslatesUnlessItIsToldRealAddresses) {
  EXPECT_GT(run_small("capi")["paging.adapter.translation.walker.walks"], 0);
  const RunStats real = run_small("capi", {"paging.coherent.effective_addresses=false"});
  EXPECT_EQ(real["paging.pager.fault_time.translation"], 0);
}

// Every policy, with read-ahead, and pages that devices hold.
TEST(CapiMemory, EachEvictionPolicyRuns) {
  for (const char* eviction : {"clock", "fifo", "random"}) {
    const RunStats stats = run_small(
        "capi", {std::string("paging.pager.eviction=") + eviction, "paging.pager.read_ahead=4", "paging.pinned=0.2"});
    EXPECT_GT(stats["paging.pager.read_ahead"], 0) << eviction;
    const double looks =
        stats["paging.pager.looks"] / (stats["paging.pager.page_outs"] + stats["paging.pager.clean_victims"]);
    EXPECT_GT(looks, 1) << "those held are passed over: " << eviction;
  }
}

TEST(CapiMemory, ErrorsThatPassAreSurvived) {
  for (const char* variant : {"capi", "swap"}) {
    const std::string medium =
        std::string(variant) == "capi" ? "paging.coherent.adapter.medium" : "paging.block.device.medium";
    const RunStats stats =
        run_small(variant, {medium + ".faults.read_errors=0.05", medium + ".faults.write_errors=0.05",
                            medium + ".faults.timeouts=0.02", "paging.pager.retries=20"});
    EXPECT_GT(stats["paging.pager.retries"], 50) << variant;
    EXPECT_EQ(stats["paging.pager.programs_ended"], 0) << variant;
    EXPECT_GT(stats["paging.pager.fault_time.retry"], 0) << variant;
  }
}

TEST(CapiMemory, ErrorsThatStayEndProgramsAndLoseNoPage) {
  const RunStats stats =
      run_small("capi", {"paging.coherent.adapter.medium.faults.read_errors=1", "paging.pager.retries=1"});
  EXPECT_EQ(stats["paging.pager.programs_ended"], 4);
  EXPECT_EQ(stats["paging.pager.failed_ins"], 4);
  EXPECT_EQ(stats["cpu0.ended"], 1);
}

TEST(CapiMemory, TheSameSeedGivesTheSameResults) {
  const Workspace workspace;
  std::vector<std::string> results;
  for (const char* out : {"one", "two"}) {
    std::vector<std::string> arguments = small("swap");
    arguments.insert(arguments.begin(), "run");
    arguments.insert(arguments.end(), {"--out", out});
    ASSERT_EQ(workspace.pagoda(arguments).status, 0);
    results.push_back(read_file(workspace.path(std::string(out) + "/stats.json")));
  }
  EXPECT_EQ(results[0], results[1]);
}

// How far programs run ahead of each other changes who gets which slots and pages, and not much else.
TEST(CapiMemory, TheQuantumChangesLittle) {
  const RunStats reference = run_small("capi", {"quantum=0"});
  const RunStats usual = run_small("capi");
  for (const char* figure : {"simulated_time_ns", "paging.pager.fault_latency.mean", "paging.sibling_ipc"}) {
    EXPECT_NEAR(usual[figure] / reference[figure], 1, 0.03) << figure;
  }
}

TEST(CapiMemory, TheWaveformShowsThreadsPagesAndTheDevice) {
  const Workspace workspace;
  std::vector<std::string> arguments = small("capi", {"cpus.0.workloads.0.pattern.count=100"});
  arguments.insert(arguments.begin(), "run");
  arguments.insert(arguments.end(), {"--vcd", "wave.vcd", "--out", "out"});
  ASSERT_EQ(workspace.pagoda(arguments).status, 0);
  const std::string signals = read_file(workspace.path("wave.gtkw"));
  for (const char* signal : {"cpu0.smt.thread0.state", "cpu0.smt.thread1.priority", "cpu0.smt.ready",
                             "paging.pager.moving_in", "paging.pager.moving_out", "paging.pager.free_frames",
                             "paging.adapter.context1.depth", "paging.adapter.medium"}) {
    EXPECT_NE(signals.find(signal), std::string::npos) << signal;
  }
  // A thread's priority goes from normal to low and back.
  const std::string vcd = read_file(workspace.path("wave.vcd"));
  std::istringstream lines(vcd);
  std::string id;
  int lowered = 0, restored = 0;
  for (std::string line; std::getline(lines, line);) {
    if (id.empty() && line.find(" priority ") != std::string::npos) {
      std::istringstream words(line);
      std::string skipped;
      words >> skipped >> skipped >> skipped >> id;
    } else if (!id.empty() && line.ends_with(" " + id) && line.starts_with("b")) {
      const unsigned long level = std::stoul(line.substr(1), nullptr, 2);
      if (level == 1) ++lowered;
      if (level == 4) ++restored;
    }
  }
  EXPECT_GT(lowered, 10);
  EXPECT_EQ(restored, lowered + 1) << "and at the start";
}

struct Mistake {
  std::vector<std::string> sets;
  const char* message;
};

TEST(CapiMemory, MistakesAreToldBeforeAnythingRuns) {
  const std::vector<Mistake> mistakes{
      {{"paging.pager.wait=sleep"}, "the adapter does not interrupt"},
      {{"os.flags=preset"}, "accessed and dirty flags set by hardware"},
      {{"cpus.0.smt=none"}, "how its hardware threads wait"},
      {{"paging.dram=0.01", "cpus.0.workloads.0.pattern.size=1 MiB"}, "frames for 2 threads"},
      {{"paging.coherent.adapter.medium.capacity=8 MiB"}, "the volume has 2048"},
      {{"cpus.0.smt.low=7"}, "is above normal"},
      {{"paging.pager.eviction=lru"}, "clock"},
      {{"cpus.0.smt.threads=9"}, "1"}};
  for (const Mistake& mistake : mistakes) {
    const Workspace workspace;
    std::vector<std::string> arguments = small("capi", mistake.sets);
    arguments.insert(arguments.begin(), "run");
    const Outcome outcome = workspace.pagoda(arguments);
    EXPECT_EQ(outcome.status, 2) << mistake.sets.front();
    EXPECT_NE(outcome.errors.find(mistake.message), std::string::npos) << outcome.errors;
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
  }
}

}  // namespace pagoda::capi_memory_test
