// What a run leaves behind: the same for the same seed, comparable, and viewable.
#include <fstream>

#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::results_test {

using testing::Outcome;
using testing::read_file;
using testing::run_platform;
using testing::RunStats;
using testing::Workspace;

TEST(Results, AreByteIdenticalForTheSameSeedAndDifferForAnother) {
  const Workspace workspace;
  const auto stats_of = [&](const std::string& seed) {
    run_platform(workspace, {"gups", "--set", "cpus.workload.pattern.count=5000", "--seed", seed});
    return read_file(workspace.path("results/stats.json"));
  };
  const std::string first = stats_of("7");
  EXPECT_EQ(first, stats_of("7"));
  EXPECT_NE(first, stats_of("8"));
}

TEST(Results, SeveralCoresAreByteIdenticalToo) {
  const Workspace workspace;
  const auto stats = [&] {
    run_platform(workspace, {"riscv_server", "--limit", "60000"});
    return read_file(workspace.path("results/stats.json"));
  };
  EXPECT_EQ(stats(), stats());
}

TEST(Results, ThePlatformThatWasRunCanBeRunAgain) {
  const Workspace workspace;
  run_platform(workspace, {"guest", "--variant", "nested", "--limit", "20000"});
  const std::string stats = read_file(workspace.path("results/stats.json"));
  std::filesystem::copy_file(workspace.path("results/platform.yaml"), workspace.path("again.yaml"));
  run_platform(workspace, {workspace.path("again.yaml").string()});
  EXPECT_EQ(read_file(workspace.path("results/stats.json")), stats);
}

TEST(Results, JsonOnTheTerminalIsTheFile) {
  const Workspace workspace;
  const Outcome outcome = workspace.pagoda({"run", "gups", "--limit", "1000", "--json", "--out", "here"});
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(outcome.out, read_file(workspace.path("here/stats.json")));
  EXPECT_TRUE(std::filesystem::exists(workspace.path("here/run.json")));
  EXPECT_TRUE(std::filesystem::exists(workspace.path("here/stats.csv")));
}

TEST(Results, VariantsAreComparedWithTheFirst) {
  const Workspace workspace;
  const Outcome outcome =
      workspace.pagoda({"run", "gups", "--all-variants", "--out", "all", "--set", "cpus.workload.pattern.count=2000"});
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  const auto comparison = nlohmann::json::parse(read_file(workspace.path("all/comparison.json")));
  EXPECT_EQ(comparison.at("baseline"), "pages-4k");
  const auto& time = comparison.at("statistics").at("simulated_time_ns");
  const RunStats base(workspace.path("all/pages-4k/stats.json"));
  const RunStats other(workspace.path("all/pages-2m/stats.json"));
  EXPECT_EQ(time.at("values").at("pages-4k"), base["simulated_time_ns"]);
  EXPECT_DOUBLE_EQ(time.at("ratios").at("pages-2m").get<double>(),
                   other["simulated_time_ns"] / base["simulated_time_ns"]);
  EXPECT_LT(other["cpu0.mmu.walker.table_reads"], base["cpu0.mmu.walker.table_reads"]);
}

TEST(Waveform, ConvertsForGtkWaveWithNamedGroups) {
  const Workspace workspace;
  run_platform(workspace, {"desktop", "--limit", "20000", "--vcd", "desktop.vcd"});
  const Outcome converted = workspace.execute("/usr/bin/vcd2fst", {"desktop.vcd", "desktop.fst"});
  EXPECT_EQ(converted.status, 0) << converted.errors;
  EXPECT_GT(std::filesystem::file_size(workspace.path("desktop.fst")), 1000u);
  const std::string save = read_file(workspace.path("desktop.gtkw"));
  for (const char* group : {"cpu0.mmu.walker", "cpu0.l1d", "llc", "memory0"}) {
    EXPECT_NE(save.find(group), std::string::npos) << group;
  }
  const std::string vcd = read_file(workspace.path("desktop.vcd"));
  EXPECT_NE(vcd.find("$timescale"), std::string::npos);
  EXPECT_NE(vcd.find("slots_busy"), std::string::npos);
}

TEST(Waveform, ChangesNoResult) {
  const Workspace workspace;
  run_platform(workspace, {"desktop", "--limit", "20000"});
  const std::string plain = read_file(workspace.path("results/stats.json"));
  run_platform(workspace, {"desktop", "--limit", "20000", "--vcd", "wave.vcd"});
  EXPECT_EQ(read_file(workspace.path("results/stats.json")), plain);
}

}  // namespace pagoda::results_test
