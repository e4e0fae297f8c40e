// Live migration as a user runs it: every run compares the memory it has moved byte for byte, and fails if a page is lost.
#include <cmath>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::live_migration_test {

using testing::Outcome;
using testing::read_file;
using testing::run_platform;
using testing::RunStats;
using testing::Workspace;

// 24 MiB of the cores', 1 and 8 MiB of the devices', and 512 descriptors of 16 bytes.
constexpr double kGuestPages = 33 * 256 + 2;
constexpr double kDevicePages = 9 * 256 + 2;

enum : int { kDone = 1, kLinkFailed = 2, kNoMemory = 3 };

RunStats migrate(const std::string& variant, const std::vector<std::string>& sets = {},
                 const std::vector<std::string>& more = {}) {
  const Workspace workspace;
  std::vector<std::string> arguments{"live_migration", "--variant", variant};
  for (const std::string& set : sets) {
    arguments.emplace_back("--set");
    arguments.push_back(set);
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_platform(workspace, arguments);
}

TEST(LiveMigration, ComparesAllVariants) {
  const Workspace workspace;
  const Outcome outcome = workspace.pagoda({"run", "live_migration", "--all-variants", "--out", "all"});
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_NE(outcome.out.find("false dirty"), std::string::npos);
  const auto stats_of = [&](const char* variant) {
    return RunStats(workspace.path(fmt::format("all/{}/stats.json", variant)));
  };
  for (const char* variant : {"all_pages", "iommu_flags", "log_on_miss", "log_each_write", "emulated", "detached"}) {
    const RunStats stats = stats_of(variant);
    EXPECT_EQ(stats["migration.outcome"], kDone) << variant;
    EXPECT_EQ(stats["migration.verified_pages"], kGuestPages) << variant;
    EXPECT_EQ(stats["migration.round01.pages"], kGuestPages) << variant;
    const bool blind = std::string(variant) == "all_pages";
    EXPECT_EQ(stats["migration.false_dirty_ratio"] > 0.5, blind) << variant;
    EXPECT_EQ(stats["migration.device_false"] > 0, blind) << "granules and pages are the same size here: " << variant;
    const bool logs = std::string(variant).starts_with("log");
    EXPECT_EQ(stats["migration.log_bytes"] > 0, logs) << variant;
  }
  const RunStats all = stats_of("all_pages"), log = stats_of("log_on_miss"), each = stats_of("log_each_write");
  EXPECT_GE(all["migration.final_pages"], kDevicePages) << "the floor: all that devices can write";
  EXPECT_LT(log["migration.downtime"], all["migration.downtime"] / 2);
  EXPECT_LT(log["io.nic0.dirty_log.logged"] * 3, each["io.nic0.dirty_log.logged"]);
  EXPECT_GT(each["migration.log_bytes"], 2 * log["migration.log_bytes"]);
  // Software reads each page that it sends, and of each device a bit for each page and a record of 8 bytes in every pass:
  // one for each round, one when all stands still, one that ends monitoring, which has no map to read. It clears a frame
  // for each map, two at first and one in each pass.
  const double passes = log["migration.rounds"] + 1;
  constexpr double kMapBytes = 33 + 256;  // of 258 pages and of 2048
  EXPECT_EQ(log["migration.host_bytes_read"],
            log["migration.pages_sent"] * 4096 + passes * kMapBytes + 2 * 8 * (passes + 1));
  EXPECT_EQ(log["migration.host_bytes_written"], 2 * 4096 * (2 + passes));
  // A device reads and writes a word of 8 bytes for each update, and writes the records.
  const double updates = log["io.nic0.dirty_log.updates"] + log["io.disk0.dirty_log.updates"];
  EXPECT_EQ(log["migration.log_bytes"], 16 * updates + 2 * 8 * (passes + 1));
  EXPECT_LT(stats_of("detached")["migration.dma_rate"], 0.05 * log["migration.dma_rate"]);
  EXPECT_LT(stats_of("emulated")["migration.dma_rate"], 0.9 * log["migration.dma_rate"]);
  EXPECT_GT(stats_of("emulated")["migration.guest_slowdown"], 0.02) << "each transfer takes an exit";
  EXPECT_GT(stats_of("iommu_flags")["io.driver.dirty_scans"], 2);
}

// A device that writes a part r of the link's rate, each page once: n pages are followed by r n, until they fit the
// downtime. Headers: 4104 bytes a page and 78 for 8960 of them.
TEST(LiveMigration, RoundsAreAGeometricSeries) {
  constexpr double kPageTime = 4182 / 12.5;  // ns: one frame a page
  constexpr double kPages = 16 * 1024;       // 64 MiB of the device's
  constexpr double kOther = 256;             // and 1 MiB that nobody writes
  constexpr int kGap = 1000;                 // ns
  const double r = kPageTime / kGap;
  const RunStats stats = migrate(
      "log_on_miss",
      {"cpus.0.count=1", "cpus.0.workload.pattern.size=1 MiB", "cpus.0.workload.pattern.write_ratio=0",
       "cpus.0.workload.pattern.gap=100000", "io.devices.1.limit=1", "io.devices.1.traffic.size=8 KiB",
       "io.devices.1.traffic.write_ratio=0", "io.devices.0.receive_ring=none", "io.devices.0.traffic.kind=strided",
       "io.devices.0.traffic.stride=4 KiB", "io.devices.0.traffic.access_size=64 B", "io.devices.0.traffic.size=64 MiB",
       fmt::format("io.devices.0.traffic.gap={}", kGap), "migration.manager.downtime=40 us",
       "migration.manager.scan=0"});
  double expected = kPages + kOther + 2;
  EXPECT_EQ(stats["migration.round01.pages"], expected);
  const int rounds = static_cast<int>(stats["migration.rounds"]);
  ASSERT_GT(rounds, 3);
  for (int i = 1; i <= rounds; ++i) {
    // What is written while the sources are asked comes on top: registers, an interrupt, a shootdown, the map.
    const double dirty = stats[fmt::format("migration.round{:02}.dirty_after", i)];
    EXPECT_NEAR(dirty, expected * r, expected * r * 0.01 + 20) << i;
    expected = dirty;
  }
  EXPECT_LE(stats[fmt::format("migration.round{:02}.dirty_after", rounds)] * kPageTime, 40'000 * 1.02);
  EXPECT_GT(stats[fmt::format("migration.round{:02}.dirty_after", rounds - 1)] * kPageTime, 40'000);
}

TEST(LiveMigration, EveryModeMovesEverything) {
  for (const char* mode : {"pre_copy", "stop_and_copy", "post_copy", "hybrid"}) {
    const RunStats stats = migrate("log_on_miss", {fmt::format("migration.manager.mode={}", mode)});
    EXPECT_EQ(stats["migration.outcome"], kDone) << mode;
    EXPECT_EQ(stats["migration.verified_pages"], kGuestPages) << mode;
    const bool moves_first = std::string(mode) == "post_copy" || std::string(mode) == "hybrid";
    EXPECT_EQ(stats["migration.post_copy.faults"] > 0, moves_first) << mode;
  }
}

TEST(LiveMigration, PostCopyStopsTheProcessForItsStateAlone) {
  const RunStats stats = migrate("log_on_miss", {"migration.manager.mode=post_copy"});
  // 256 KiB and a byte in 30 frames, there, a byte back in one, and the start on the other machine; polls on top.
  const double expected = (262145 + 30 * 78) / 12.5 + 5000 + 79 / 12.5 + 5000 + 100'000;
  EXPECT_NEAR(stats["migration.downtime"] / expected, 1, 0.03);
  EXPECT_EQ(stats["migration.pages_sent"], kGuestPages) << "each once";
  EXPECT_GT(stats["migration.post_copy_slowdown"], 0.05);
}

TEST(LiveMigration, ProcessorsAreTrackedByFaultsAsWell) {
  const RunStats stats = migrate("log_on_miss", {"migration.processors=write_protection"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["os.protection_faults"], 100);
  EXPECT_GT(stats["migration.processor_dirty"], 100);
}

class GranulesAndMaps : public ::testing::TestWithParam<std::tuple<const char*, const char*, const char*>> {};

TEST_P(GranulesAndMaps, LoseNothing) {
  const auto [granule, map, logging] = GetParam();
  const RunStats stats = migrate(
      "log_on_miss", {fmt::format("migration.log.granule={}", granule), fmt::format("migration.log.map={}", map),
                      fmt::format("migration.log.logging={}", logging), "io.devices.*.dma.dirty_log.queues=2",
                      "io.devices.*.dma.dirty_log.queue_depth=2", "io.devices.*.dma.dirty_log.word=32 B"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  const bool coarse = std::string(granule) == "2 MiB" || std::string(granule) == "16 KiB";
  EXPECT_EQ(stats["migration.device_false"] > 0, coarse);
}

INSTANTIATE_TEST_SUITE_P(Each, GranulesAndMaps,
                         ::testing::Combine(::testing::Values("64 B", "4 KiB", "16 KiB", "2 MiB"),
                                            ::testing::Values("bit", "byte"), ::testing::Values("miss", "write")));

class GrowingProcess : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

// What is touched for the first time while the process is copied has been there for nobody before.
TEST_P(GrowingProcess, LosesNothing) {
  const auto [tracking, flags] = GetParam();
  const RunStats stats =
      migrate("log_on_miss",
              {"os.paging=demand", fmt::format("os.flags={}", flags), fmt::format("migration.processors={}", tracking),
               "migration.manager.start=300 us", "cpus.0.workload.pattern.hot_share=0.5"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["migration.verified_pages"], stats["migration.round01.pages"]) << "it has grown";
}

INSTANTIATE_TEST_SUITE_P(Each, GrowingProcess,
                         ::testing::Combine(::testing::Values("dirty_flags", "write_protection"),
                                            ::testing::Values("preset", "hardware")));

// The trace of a program, again and again.
TEST(LiveMigration, MovesProgramsThatRunTraces) {
  const RunStats stats = migrate(
      "log_on_miss", {"cpus.0.workload.pattern=none", "cpus.0.count=1", "cpus.0.workload.trace=sqlite.lackey.xz",
                      "cpus.0.workload.repeat=100", "cpus.0.clock=200 MHz", "migration.manager.start=100 us"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["migration.processor_dirty"], 0);
}

TEST(LiveMigration, SuperpagesAreLoggedAsAWhole) {
  const RunStats stats = migrate("log_on_miss", {"os.page_size=2 MiB", "os.frames.contiguity_2m=1"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["migration.false_dirty_ratio"], 0.5) << "a translation of 2 MiB marks 512 pages";
  const RunStats exact = migrate("log_each_write", {"os.page_size=2 MiB", "os.frames.contiguity_2m=1"});
  EXPECT_EQ(exact["migration.device_false"], 0);
}

TEST(LiveMigration, AFullLogHoldsDevicesUpAndLosesNothing) {
  const RunStats stats =
      migrate("log_each_write", {"io.devices.*.dma.dirty_log.queue_depth=1", "io.devices.*.dma.dirty_log.words=1",
                                 "io.devices.*.dma.dirty_log.gather=0", "io.devices.0.traffic.gap=0"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["io.nic0.dirty_log.queue_full"], 100);
  EXPECT_GT(stats["io.nic0.log_wait"], 0);
}

TEST(LiveMigration, ALogThatIsResetMakesAllOfItsPagesDirty) {
  const RunStats stats = migrate("log_on_miss", {"migration.reset_at=5 ms", "migration.log.timeout=500 us"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_EQ(stats["migration.log_of_0x100.lost_passes"], 1);
  EXPECT_GE(stats["migration.device_false"], 1000);
}

TEST(LiveMigration, AFailingLinkLeavesTheProcessRunning) {
  const RunStats stats = migrate("log_on_miss", {"migration.link.fails_at=5 ms"});
  EXPECT_EQ(stats["migration.outcome"], kLinkFailed);
  EXPECT_NEAR(stats["migration.rate_after_failure"] / stats["migration.rate_before"], 1, 0.1);
  const RunStats again = migrate("log_on_miss", {"migration.link.fails_at=5 ms", "migration.link.repaired_after=1 ms",
                                                 "migration.manager.attempts=20"});
  EXPECT_EQ(again["migration.outcome"], kDone);
  EXPECT_GT(again["migration.attempts"], 1);
}

TEST(LiveMigration, DevicesComeBackWhenItIsGivenUp) {
  for (const char* variant : {"detached", "emulated"}) {
    const RunStats stats = migrate(variant, {"migration.link.fails_at=5 ms"});
    EXPECT_EQ(stats["migration.outcome"], kLinkFailed) << variant;
    EXPECT_GT(stats["migration.dma_rate"], 10) << "most of the time counted came after: " << variant;
  }
}

TEST(LiveMigration, AfterAMoveALinkIsWaitedFor) {
  const RunStats stats = migrate("log_on_miss", {"migration.manager.mode=post_copy", "migration.link.fails_at=5 ms",
                                                 "migration.link.repaired_after=1 ms"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["network.lost"], 0);
  EXPECT_GT(stats["migration.total_time"], 3.9e6);
}

TEST(LiveMigration, AMachineWithoutRoomIsLeft) {
  const RunStats stats = migrate("log_on_miss", {"migration.manager.memory=20 MiB"});
  EXPECT_EQ(stats["migration.outcome"], kNoMemory);
  EXPECT_GT(stats["migration.rate_after_failure"], 0);
}

TEST(LiveMigration, HoldsAtAnyQuantumAndSeed) {
  for (const char* quantum : {"0 ns", "10 us"}) {
    for (const char* seed : {"2", "3"}) {
      EXPECT_EQ(migrate("log_on_miss", {}, {"--quantum", quantum, "--seed", seed})["migration.outcome"], kDone);
      EXPECT_EQ(migrate("iommu_flags", {}, {"--quantum", quantum, "--seed", seed})["migration.outcome"], kDone);
    }
  }
}

TEST(LiveMigration, IsByteIdenticalForTheSameSeed) {
  const Workspace workspace;
  const auto stats_of = [&](const char* seed) {
    run_platform(workspace, {"live_migration", "--variant", "log_on_miss", "--seed", seed});
    return read_file(workspace.path("results/stats.json"));
  };
  const std::string first = stats_of("3");
  EXPECT_EQ(first, stats_of("3"));
  EXPECT_NE(first, stats_of("4"));
}

TEST(LiveMigration, ShowsItselfInTheWaveform) {
  const Workspace workspace;
  run_platform(workspace, {"live_migration", "--variant", "log_on_miss", "--vcd", "wave.vcd"});
  const std::string wave = read_file(workspace.path("wave.vcd"));
  for (const char* signal : {"population", "queue_depth", "round", "dirty", "busy", "paused", "draining"}) {
    EXPECT_NE(wave.find(signal), std::string::npos) << signal;
  }
  std::istringstream lines(wave);
  long long last = -1;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] != '#') continue;
    const long long time = std::stoll(line.substr(1));
    ASSERT_GE(time, last) << "time goes on";
    last = time;
  }
}

TEST(LiveMigration, RefusesWhatMakesNoSense) {
  const Workspace workspace;
  const auto says = [&](const std::string& set, const std::string& words) {
    const Outcome outcome = workspace.pagoda({"check", "live_migration", "--set", set});
    EXPECT_EQ(outcome.status, 2) << set;
    EXPECT_NE(outcome.errors.find(words), std::string::npos) << set << ": " << outcome.errors;
  };
  says("migration.cpu=2", "there is no core 2");
  says("migration.log.granule=100 B", "not a power of two");
  says("migration.manager.mode=later", "pre_copy");
  says("migration.manager.rounds=0", "out of range");
  says("io.devices.0.shares_cpu=1", "`nic` does not share the process");
  says("io.devices.1.dma.pasid=none", "`disk` has no pasid");
  says("io.devices.1.dma.dirty_log=none", "`disk` cannot log what it writes");
  says("io.devices.1.dma.dirty_log.word=3 B", "not a power of two");
  says("warmup=10", "not beside");
  says("io.devices.0.traffic.write_ratio=0.5", "not that of a receive ring");
  says("io.devices.0.traffic.access_size=3000 B", "not that of a receive ring");
  says("migration=none", "nobody fills it");
  says("os.churn={interval: 100 us}", "not beside");
  const Outcome flags = workspace.pagoda({"check", "live_migration", "--set", "migration.devices=iommu_flags", "--set",
                                          "io.iommu.capabilities.flag_updates=false"});
  EXPECT_EQ(flags.status, 2);
  EXPECT_NE(flags.errors.find("sets no flags"), std::string::npos) << flags.errors;
  says("migration.devise=log", "did you mean");
  const Outcome outcome = workspace.pagoda({"check", "live_migration", "--set", "migration.manager.mode=post_copy",
                                            "--set", "migration.link.fails_at=1 ms"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_NE(outcome.errors.find("fails for good"), std::string::npos) << outcome.errors;
}

}  // namespace pagoda::live_migration_test
