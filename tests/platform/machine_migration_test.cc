// Live migration of a virtual machine: what a hypervisor's tables tell of the stores of programs, of the guest's own
// software and of hardware that walks its tables. Every run compares the memory it has moved byte for byte.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::machine_migration_test {

using testing::Outcome;
using testing::run_platform;
using testing::RunStats;
using testing::Workspace;

constexpr int kDone = 1;
// 24 MiB of the program's; 1 and 8 MiB of the devices', and 512 descriptors of 16 bytes.
constexpr double kDataPages = 33 * 256 + 2;

RunStats migrate(const std::vector<std::string>& sets) {
  const Workspace workspace;
  std::vector<std::string> arguments{"live_migration", "--variant", "machine"};
  for (const std::string& set : sets) {
    arguments.emplace_back("--set");
    arguments.push_back(set);
  }
  return run_platform(workspace, arguments);
}

// Tables of the guest: 24 MiB of 4 KiB pages take 12 of the last level, and one of each other.
TEST(MachineMigration, MovesTheTablesWithTheData) {
  const RunStats stats = migrate({});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_EQ(stats["migration.verified_pages"], kDataPages + 12 + 3);
  EXPECT_EQ(stats["migration.round01.pages"], kDataPages + 12 + 3);
  EXPECT_EQ(stats["migration.device_false"], 0);
  EXPECT_GT(stats["migration.log_bytes"], 0);
}

// Flags that hardware sets in the guest's tables are stores to the guest's memory, whoever counts them.
TEST(MachineMigration, FollowsStoresByFlagsAndByFaults) {
  for (const char* tracking : {"dirty_flags", "write_protection"}) {
    for (const char* guest_flags : {"preset", "hardware"}) {
      const RunStats stats =
          migrate({fmt::format("migration.processors={}", tracking), fmt::format("os.flags={}", guest_flags)});
      EXPECT_EQ(stats["migration.outcome"], kDone) << tracking << " " << guest_flags;
      EXPECT_GT(stats["migration.processor_dirty"], 100) << tracking << " " << guest_flags;
    }
  }
}

// Each fault of the hypervisor's stage then lifts the protection of a page, or finds it lifted.
TEST(MachineMigration, WriteProtectionNeedsNoFlags) {
  const RunStats stats = migrate(
      {"migration.processors=write_protection", "hypervisors.0.flags=preset", "io.devices.0.receive_ring=none"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["os.machine_faults"], 100);
  EXPECT_EQ(stats["os.machine_faults"], stats["os.protection_faults"] + stats["os.spurious_faults"]);
}

class GrowingMachine : public ::testing::TestWithParam<std::tuple<const char*, const char*, const char*>> {};

// The guest maps pages while it is copied: its tables change, and its hypervisor backs more of it.
TEST_P(GrowingMachine, LosesNothing) {
  const auto [backing, tracking, flags] = GetParam();
  const RunStats stats = migrate({"os.paging=demand", fmt::format("hypervisors.0.paging={}", backing),
                                  fmt::format("migration.processors={}", tracking), fmt::format("os.flags={}", flags),
                                  "cpus.0.workload.pattern.hot_share=0.5", "migration.manager.start=300 us"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["migration.verified_pages"], stats["migration.round01.pages"]) << "it has grown";
}

INSTANTIATE_TEST_SUITE_P(Each, GrowingMachine,
                         ::testing::Combine(::testing::Values("premapped", "demand"),
                                            ::testing::Values("dirty_flags", "write_protection"),
                                            ::testing::Values("preset", "hardware")));

TEST(MachineMigration, DevicesAreFollowedByEveryMeans) {
  for (const char* devices : {"all_pages", "iommu_flags", "log", "emulated", "detached"}) {
    const RunStats stats = migrate({fmt::format("migration.devices={}", devices)});
    EXPECT_EQ(stats["migration.outcome"], kDone) << devices;
    EXPECT_EQ(stats["migration.device_false"] > 0, std::string(devices) == "all_pages") << devices;
  }
}

// Tables and data follow alike, each page once; the machine stands still for its state alone.
TEST(MachineMigration, RunsBeforeItsMemoryIsThere) {
  const RunStats stats = migrate({"migration.manager.mode=post_copy", "os.flags=hardware"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_EQ(stats["migration.pages_sent"], kDataPages + 12 + 3);
  EXPECT_EQ(stats["migration.verified_pages"], kDataPages + 12 + 3);
  EXPECT_GT(stats["migration.post_copy.faults"], 0);
  EXPECT_EQ(stats["os.machine_faults"], 0) << "no page of it is new";
  // The state in 30 frames, there, a byte back in one, and the start on the other machine; polls on top.
  const double expected = (262145 + 30 * 78) / 12.5 + 5000 + 79 / 12.5 + 5000 + 100'000;
  EXPECT_NEAR(stats["migration.downtime"] / expected, 1, 0.03);
}

class MovedMachine : public ::testing::TestWithParam<std::tuple<const char*, const char*, const char*>> {};

// The guest maps pages while its tables are on their way.
TEST_P(MovedMachine, GrowsOnTheOtherSide) {
  const auto [mode, backing, flags] = GetParam();
  const RunStats stats = migrate({fmt::format("migration.manager.mode={}", mode), "os.paging=demand",
                                  fmt::format("hypervisors.0.paging={}", backing), fmt::format("os.flags={}", flags),
                                  "cpus.0.workload.pattern.hot_share=0.5", "migration.manager.start=300 us"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["migration.post_copy.faults"], 0);
  if (std::string(mode) != "post_copy") return;
  // The first page that is touched in a table's range takes a table, too.
  EXPECT_NEAR(stats["migration.verified_pages"] - stats["migration.pages_sent"], stats["os.minor_faults"], 12);
}

INSTANTIATE_TEST_SUITE_P(Each, MovedMachine,
                         ::testing::Combine(::testing::Values("post_copy", "hybrid"),
                                            ::testing::Values("premapped", "demand"),
                                            ::testing::Values("preset", "hardware")));

TEST(MachineMigration, FollowsInSmallPagesWhateverTheirSizeWas) {
  for (const char* backing : {"premapped", "demand"}) {
    const RunStats stats =
        migrate({"migration.manager.mode=post_copy", "hypervisors.0.page_size=2 MiB", "os.paging=demand",
                 fmt::format("hypervisors.0.paging={}", backing), "migration.manager.start=300 us"});
    EXPECT_EQ(stats["migration.outcome"], kDone) << backing;
  }
}

TEST(MachineMigration, WaitsForALinkThatComesBack) {
  const RunStats stats = migrate(
      {"migration.manager.mode=post_copy", "migration.link.fails_at=5 ms", "migration.link.repaired_after=300 us"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["migration.post_copy.fault_time.max"], 250'000) << "who asked while it was down";
}

class MachinesInMachines : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(MachinesInMachines, GoAlong) {
  const auto [mode, paging] = GetParam();
  const RunStats stats = migrate(
      {fmt::format("hypervisors=[{{format: ept-4, memory: 48 MiB, flags: hardware, paging: {0}}}, {{format: "
                   "ept-4, memory: 128 MiB, flags: hardware, paging: {0}}}]",
                   paging),
       "io.devices.0.traffic.base=0x7000000", "io.devices.1.traffic.base=0x7800000",
       fmt::format("os.paging={}", paging), "os.flags=hardware", fmt::format("migration.manager.mode={}", mode)});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  if (std::string(paging) == "demand") return;
  EXPECT_GT(stats["migration.verified_pages"], kDataPages + 12 + 3) << "and the tables of the machine inside";
}

INSTANTIATE_TEST_SUITE_P(Each, MachinesInMachines,
                         ::testing::Combine(::testing::Values("pre_copy", "post_copy", "hybrid"),
                                            ::testing::Values("premapped", "demand")));

TEST(MachineMigration, WorksWithSuperpagesAndOtherFormats) {
  const RunStats large = migrate({"hypervisors.0.page_size=2 MiB"});
  EXPECT_EQ(large["migration.outcome"], kDone);
  EXPECT_GT(large["migration.sent_ratio"], migrate({})["migration.sent_ratio"]) << "a flag stands for 512 pages";
  EXPECT_EQ(migrate({"hypervisors.0.format=sv39x4", "os.format=sv48"})["migration.outcome"], kDone);
}

TEST(MachineMigration, RefusesWhatMakesNoSense) {
  const Workspace workspace;
  const auto says = [&](const std::string& set, const std::string& words) {
    const Outcome outcome = workspace.pagoda({"run", "live_migration", "--variant", "machine", "--set", set});
    EXPECT_EQ(outcome.status, 2) << set;
    EXPECT_NE(outcome.errors.find(words), std::string::npos) << set << ": " << outcome.errors;
  };
  says("hypervisors=[]", "there is no machine");
  says("migration.unit=process", "cannot move alone");
  const Outcome walks =
      workspace.pagoda({"run", "live_migration", "--variant", "machine", "--set", "migration.manager.mode=post_copy",
                        "--set", "memory.0.walker={}", "--set", "cpus.*.mmu.walker.place=memory"});
  EXPECT_EQ(walks.status, 2);
  EXPECT_NE(walks.errors.find("are walked in memory"), std::string::npos) << walks.errors;
  says("hypervisors.0.flags=preset", "nothing sets them");
  says("io.devices.0.shares_cpu=0", "shares a process");
  says("hypervisors.0.memory=32 MiB", "beyond the memory of its machine");
}

}  // namespace pagoda::machine_migration_test
