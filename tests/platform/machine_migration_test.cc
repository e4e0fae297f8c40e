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

TEST(MachineMigration, TakesMachinesInMachinesAlong) {
  const RunStats stats =
      migrate({"hypervisors=[{format: ept-4, memory: 48 MiB, flags: hardware}, {format: ept-4, memory: 128 MiB, flags: "
               "hardware}]",
               "io.devices.0.traffic.base=0x7000000", "io.devices.1.traffic.base=0x7800000"});
  EXPECT_EQ(stats["migration.outcome"], kDone);
  EXPECT_GT(stats["migration.verified_pages"], kDataPages + 12 + 3) << "and the tables of the machine inside";
}

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
  says("migration.manager.mode=post_copy", "does not run before its memory is there");
  says("hypervisors.0.flags=preset", "nothing sets them");
  says("io.devices.0.shares_cpu=0", "shares a process");
  says("hypervisors.0.memory=32 MiB", "beyond the memory of its machine");
}

}  // namespace pagoda::machine_migration_test
