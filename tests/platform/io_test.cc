// Platforms with devices: published figures, and what mechanisms promise.
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::io_test {

using testing::run_platform;
using testing::RunStats;
using testing::Workspace;

RunStats run(const std::vector<std::string>& arguments) {
  const Workspace workspace;
  return run_platform(workspace, arguments);
}

// Neugebauer et al., "Understanding PCIe performance for end host networking", SIGCOMM 2018, section 6.5: Gb/s of 64 B
// reads in a warm cache on a Broadwell E5-2630 v4. Prints the table of docs/validation.md.
TEST(IotlbReach, ThroughputIsWithinFifteenPercentOfThePublished) {
  const std::vector<std::pair<std::string, double>> published{
      {"off-256k", 32.5}, {"off-16m", 32.5}, {"off-64m", 28.4}, {"4k-256k", 32.4}, {"4k-512k", 22.3},
      {"4k-1m", 15.2},    {"4k-2m", 12.1},   {"4k-4m", 10.9},   {"4k-16m", 10.1},  {"4k-64m", 9.8}};
  for (const auto& [variant, expected] : published) {
    const double found = run({"iotlb_reach", "--variant", variant})["io.nic0.payload_rate"];
    fmt::print("{:9} published {:5.1f} model {:5.1f} {:+5.1f} %\n", variant, expected, found,
               (found / expected - 1) * 100);
    EXPECT_NEAR(found / expected, 1, 0.15) << variant;
  }
}

// The same source: average latency of lone reads, ns.
TEST(IotlbReach, LatencyIsWithinFivePercentOfThePublished) {
  const std::vector<std::pair<std::string, double>> published{{"256 KiB", 555}, {"512 KiB", 580}, {"1 MiB", 712},
                                                              {"2 MiB", 778},   {"4 MiB", 814},   {"16 MiB", 836}};
  for (const auto& [window, expected] : published) {
    const RunStats stats =
        run({"iotlb_reach", "--variant", "4k-256k", "--set", "io.devices.*.traffic.size=" + window, "--set",
             "io.devices.*.dma.outstanding=1", "--set", "io.devices.*.traffic.count=630000"});
    const double found = stats["io.nic0.latency.mean"];
    fmt::print("{:8} published {:5.0f} model {:5.0f} {:+5.1f} %\n", window, expected, found,
               (found / expected - 1) * 100);
    EXPECT_NEAR(found / expected, 1, 0.05) << window;
  }
}

TEST(IotlbReach, SuperpagesReachAsFarAsNoIommu) {
  const std::vector<std::string> quick{"--set", "warmup=20000", "--set", "io.devices.*.traffic.count=60000"};
  const auto rate = [&](const char* variant) {
    std::vector<std::string> arguments{"iotlb_reach", "--variant", variant};
    arguments.insert(arguments.end(), quick.begin(), quick.end());
    return run(arguments)["io.nic0.payload_rate"];
  };
  EXPECT_NEAR(rate("2m-16m") / rate("off-16m"), 1, 0.02);
}

class SharedPte : public ::testing::TestWithParam<const char*> {};

// The run itself checks that nothing is let through to what is blocked.
TEST_P(SharedPte, NoDmaPassesWhileItIsBlocked) {
  const RunStats stats = run({"shared_pte", "--variant", GetParam(), "--limit", "20000"});
  EXPECT_GT(stats["io.control.episodes"], 3);
  EXPECT_EQ(stats["io.control.let_through"], 0);
  EXPECT_GT(stats["io.iommu.refused"], 0) << "devices went on trying";
  EXPECT_EQ(stats["io.iommu.denied_by_dma_control"] > 0, GetParam() == std::string("shared_pte"));
}

INSTANTIATE_TEST_SUITE_P(Each, SharedPte, ::testing::Values("identical", "mirrored", "block_device", "shared_pte"));

TEST(SharedPteCosts, OnlyIdenticalRightsMakeProgramsWait) {
  EXPECT_GT(run({"shared_pte", "--variant", "identical"})["os.held_faults"], 0);
  EXPECT_EQ(run({"shared_pte", "--variant", "shared_pte"})["os.held_faults"], 0);
}

TEST(SharedPteCosts, OnlyAMirrorNeedsTablesOfItsOwn) {
  const std::vector<std::string> quick{"--limit", "5000"};
  const double shared = run({"shared_pte", "--variant", "shared_pte", "--limit", "5000"})["io.control.table_bytes"];
  const double mirrored = run({"shared_pte", "--variant", "mirrored", "--limit", "5000"})["io.control.table_bytes"];
  // 16 MiB in 4 KiB pages: 8 tables of leaves and one of each of the three levels above.
  EXPECT_EQ(mirrored - shared, (8 + 3) * 4096);
}

TEST(SharedPteCosts, WritesAloneCanBeDenied) {
  const RunStats stats = run({"shared_pte", "--variant", "shared_pte", "--limit", "20000", "--set",
                              "io.control.policy=deny_write", "--set", "io.devices.*.traffic.write_ratio=0"});
  EXPECT_EQ(stats["io.iommu.refused"], 0) << "reads are not concerned";
}

}  // namespace pagoda::io_test
