// The default quantum is the largest that changes total time and walk latency by at most 1 % on every shipped platform.
//
// Prints the table of docs/validation.md.
#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::quantum_test {

using testing::run_platform;
using testing::RunStats;
using testing::Workspace;

struct Figures {
  double time = 0;
  double walk_latency = 0;  // of all cores' walks
};

Figures figures(const std::vector<std::string>& run, const std::string& quantum) {
  const Workspace workspace;
  std::vector<std::string> arguments = run;
  arguments.insert(arguments.end(), {"--quantum", quantum});
  const RunStats stats = run_platform(workspace, arguments);
  double walks = 0;
  double latency = 0;
  for (int cpu = 0; stats.has(fmt::format("cpu{}", cpu)); ++cpu) {
    const std::string walker = fmt::format("cpu{}.mmu.walker.", cpu);
    walks += stats[walker + "walks"];
    latency += stats[walker + "walks"] * stats[walker + "latency.mean"];
  }
  return {stats["simulated_time_ns"], latency / walks};
}

double error(double value, double reference) { return std::abs(value / reference - 1) * 100; }

TEST(Quantum, TheDefaultIsTheLargestWithinOnePercentOfTheReference) {
  const std::vector<std::vector<std::string>> platforms{{"desktop", "--limit", "500000"},
                                                        {"riscv_server"},
                                                        {"guest", "--variant", "nested", "--limit", "300000"},
                                                        {"tlb_reach", "--variant", "4k-64m"},
                                                        {"gups", "--set", "cpus.workload.pattern.count=50000"}};
  double worst_beyond = 0;
  fmt::print("{:14} {:>8} {:>16} {:>9} {:>14} {:>9}\n", "platform", "quantum", "time, ns", "error, %", "walk, ns",
             "error, %");
  for (const auto& platform : platforms) {
    const Figures reference = figures(platform, "0 ns");
    for (const char* quantum : {"0 ns", "100 ns", "1 us", "10 us"}) {
      const Figures found = quantum == std::string("0 ns") ? reference : figures(platform, quantum);
      const double time = error(found.time, reference.time);
      const double walk = error(found.walk_latency, reference.walk_latency);
      fmt::print("{:14} {:>8} {:16.1f} {:9.2f} {:14.3f} {:9.2f}\n", platform.front(), quantum, found.time, time,
                 found.walk_latency, walk);
      if (quantum == std::string("10 us")) {
        worst_beyond = std::max({worst_beyond, time, walk});
      } else {
        EXPECT_LE(time, 1.0) << platform.front() << " at " << quantum;
        EXPECT_LE(walk, 1.0) << platform.front() << " at " << quantum;
      }
    }
  }
  EXPECT_GT(worst_beyond, 1.0) << "10 us would do as well: make it the default";
}

TEST(Quantum, TheDefaultIsOneMicrosecond) {
  const Workspace workspace;
  const RunStats by_default = run_platform(workspace, {"riscv_server", "--limit", "50000"});
  const RunStats at_1_us = run_platform(workspace, {"riscv_server", "--limit", "50000", "--quantum", "1 us"});
  const RunStats at_0 = run_platform(workspace, {"riscv_server", "--limit", "50000", "--quantum", "0 ns"});
  EXPECT_EQ(by_default["cpu0.access_latency.mean"], at_1_us["cpu0.access_latency.mean"]);
  EXPECT_NE(by_default["cpu0.access_latency.mean"], at_0["cpu0.access_latency.mean"]) << "0 would do as well";
}

}  // namespace pagoda::quantum_test
