// pagoda sweep as a user runs it: what it leaves behind, what it says of points that fail, what it refuses.
#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/sweep_bench.h"

namespace pagoda::sweep_test {

namespace fs = std::filesystem;
using testing::BackgroundProgram;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::read_file;
using testing::RunStats;
using testing::Workspace;
using testing::write_sweep;

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream input(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(input, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::istringstream input(line);
  std::vector<std::string> fields;
  for (std::string field; std::getline(input, field, ',');) fields.push_back(field);
  return fields;
}

nlohmann::json record_of(const Workspace& workspace, const std::string& point) {
  return nlohmann::json::parse(read_file(workspace.path("out") / "points" / point / "point.json"));
}

TEST(Sweep, APointIsARunOfItsPlatform) {
  const Workspace workspace;
  const std::string sweep = workspace.write(
      "sweep.yaml",
      "name: tlbs\nplatform: desktop\nvariants: [pages-4k, pages-2m]\nset: {warmup: 0}\nlimit: 3000\nrepeats: 2\n"
      "axes:\n  - {path: cpus.*.mmu.dtlb.entries, name: entries, values: [16, 64]}\n"
      "statistics: [cpu0.access_latency.mean, simulated_time_ns]\n");
  const Outcome outcome = workspace.pagoda({"sweep", sweep, "--out", "out"});
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 8 + 2) << "a line per point, and where it is";
  const std::vector<std::string> lines = lines_of(workspace.path("out/results.csv"));
  ASSERT_EQ(lines.size(), 9u);
  EXPECT_EQ(lines[0],
            "point,platform,variant,repeat,seed,entries,status,reason,cpu0.access_latency.mean,simulated_time_ns");
  // One of them as a run of its own.
  const RunStats stats =
      testing::run_platform(workspace, {"desktop", "--variant", "pages-2m", "--set", "warmup=0", "--set",
                                        "cpus.*.mmu.dtlb.entries=64", "--limit", "3000", "--seed", "2"});
  const std::vector<std::string> last = fields_of(lines[8]);
  EXPECT_EQ(last[2], "pages-2m");
  EXPECT_EQ(last[4], "2");
  EXPECT_EQ(std::stod(last[8]), stats["cpu0.access_latency.mean"]);
  EXPECT_EQ(std::stod(last[9]), stats["simulated_time_ns"]);
  // And its folder runs again to the same statistics.
  ASSERT_EQ(workspace.pagoda({"run", "out/points/00007/platform.yaml", "--out", "again"}).status, 0);
  EXPECT_EQ(read_file(workspace.path("again/stats.json")), read_file(workspace.path("out/points/00007/stats.json")));
}

TEST(Sweep, ResultsDoNotDependOnHowItWasRun) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 12, 500);
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "one", "--jobs", "1"}).status, 0);
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "many", "--jobs", "5", "--cache", "cache"}).status, 0);
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "cached", "--cache", "cache"}).status, 0);
  for (const char* file : {"results.csv", "results.json"}) {
    EXPECT_EQ(read_file(workspace.path("one") / file), read_file(workspace.path("many") / file));
    EXPECT_EQ(read_file(workspace.path("one") / file), read_file(workspace.path("cached") / file));
  }
  const nlohmann::json record = nlohmann::json::parse(read_file(workspace.path("cached/points/00003/point.json")));
  EXPECT_EQ(record["from"], "cache");
}

TEST(Sweep, EqualPointsAreRunOnce) {
  const Workspace workspace;
  write_sweep(workspace, 2, 500);
  const std::string sweep = workspace.write(
      "equal.yaml",
      "name: equal\nplatform: small.yaml\naxes:\n  - {path: cpus.*.workload.pattern.gap, values: [1, 0x1, 2, 1]}\n");
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out", "--jobs", "4"}).status, 0);
  EXPECT_EQ(record_of(workspace, "00000")["from"], "run");
  EXPECT_EQ(record_of(workspace, "00001")["from"], "points/00000");
  EXPECT_EQ(record_of(workspace, "00002")["from"], "run");
  EXPECT_EQ(record_of(workspace, "00003")["from"], "points/00000");
  EXPECT_EQ(read_file(workspace.path("out/points/00003/stats.json")),
            read_file(workspace.path("out/points/00000/stats.json")));
}

TEST(Sweep, TraceContentsTellPointsApart) {
  const Workspace workspace;
  const std::string trace = workspace.write("a.trace", "# pagoda-trace 1\n0 L 0x7f0010 8\n");
  const std::string sweep = workspace.write(
      "sweep.yaml", "name: traces\nplatform: desktop\naxes:\n  - {path: cpus.*.workload.trace, values: [a.trace]}\n");
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out", "--cache", "cache"}).status, 0);
  workspace.write("a.trace", "# pagoda-trace 1\n0 L 0x7f0010 8\n0 L 0x8f0010 8\n");
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "changed", "--cache", "cache"}).status, 0);
  EXPECT_NE(read_file(workspace.path("out/results.csv")), read_file(workspace.path("changed/results.csv")));
  const Outcome resumed = workspace.pagoda({"sweep", sweep, "--out", "out", "--resume"});
  EXPECT_EQ(resumed.status, 2);
  EXPECT_THAT(resumed.errors, HasSubstr("a.trace"));
}

TEST(Sweep, FailedPointsAreRecordedAndTheOthersGoOn) {
  const Workspace workspace;
  workspace.write("good.trace", "# pagoda-trace 1\n0 L 0x7f0010 8\n");
  workspace.write("bad.trace", "# pagoda-trace 1\n0 L 0x7f0010 8\nnonsense\n");
  const std::string sweep =
      workspace.write("sweep.yaml",
                      "name: traces\nplatform: desktop\nstatistics: [simulated_time_ns]\n"
                      "axes:\n  - {path: cpus.*.workload.trace, values: [good.trace, bad.trace, sort.lackey.xz]}\n"
                      "limit: 1000\n");
  const Outcome outcome = workspace.pagoda({"sweep", sweep, "--out", "out"});
  EXPECT_EQ(outcome.status, 1) << outcome.errors;
  EXPECT_EQ(record_of(workspace, "00000")["status"], "done");
  EXPECT_EQ(record_of(workspace, "00001")["status"], "failed");
  EXPECT_EQ(record_of(workspace, "00001")["exit_status"], 2);
  EXPECT_THAT(record_of(workspace, "00001")["reason"], HasSubstr("bad.trace:3"));
  EXPECT_EQ(record_of(workspace, "00002")["status"], "done");
  EXPECT_THAT(read_file(workspace.path("out/points/00001/log.txt")), HasSubstr("bad.trace:3"));
  const std::vector<std::string> lines = lines_of(workspace.path("out/results.csv"));
  EXPECT_THAT(lines[2], HasSubstr(",failed,"));
  // It would fail again: only asked to, it is run again.
  EXPECT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out", "--resume"}).out.find("00001"), std::string::npos);
  const Outcome again = workspace.pagoda({"sweep", sweep, "--out", "out", "--resume", "--retry-failed"});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.out, HasSubstr("1/1  00001  failed"));
}

TEST(Sweep, PointsBeyondALimitAreEnded) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 2, 2'000'000'000, "time_limit: 200 ms\n");
  EXPECT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out"}).status, 1);
  EXPECT_EQ(record_of(workspace, "00000")["status"], "failed");
  EXPECT_EQ(record_of(workspace, "00001")["reason"], "took longer than 200 ms");
  fs::remove_all(workspace.path("out"));
  EXPECT_EQ(
      workspace.pagoda({"sweep", sweep, "--out", "out", "--point-time", "1000 s", "--point-memory", "2 MiB"}).status,
      1);
  EXPECT_EQ(record_of(workspace, "00000")["reason"], "took more than 2 MiB of memory");
}

TEST(Sweep, ACrashIsRecordedAndAKillIsMadeGood) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 2, 2'000'000'000);
  BackgroundProgram program(workspace, {"sweep", sweep, "--out", "out", "--jobs", "2"});
  while (program.workers().size() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::vector<pid_t> workers = program.workers();
  kill(workers[0], SIGABRT);
  kill(workers[1], SIGKILL);
  EXPECT_EQ(program.wait(), 1);
  EXPECT_EQ(record_of(workspace, "00000")["status"], "failed");
  EXPECT_THAT(record_of(workspace, "00000")["reason"], HasSubstr("crashed with signal 6"));
  EXPECT_EQ(record_of(workspace, "00001")["status"], "lost");
  // What was lost is run again, what failed is not.
  const Outcome outcome = workspace.pagoda({"sweep", sweep, "--out", "out", "--resume", "--point-time", "100 ms"});
  EXPECT_EQ(record_of(workspace, "00001")["reason"], "took longer than 100 ms");
  EXPECT_THAT(record_of(workspace, "00000")["reason"], HasSubstr("crashed"));
}

TEST(Sweep, AViolatedInvariantIsTheExitStatus) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 2, 100);
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out"}).status, 0);
  // No platform violates one; a record of it stands in for its point.
  nlohmann::json record = record_of(workspace, "00001");
  record["status"] = "failed";
  record["reason"] = "invariant violated: a page was lost";
  record["exit_status"] = 3;
  std::ofstream(workspace.path("out/points/00001/point.json")) << record.dump();
  EXPECT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out", "--resume"}).status, 3);
}

TEST(Sweep, AnInterruptStopsItInOrder) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 4, 2'000'000'000);
  BackgroundProgram program(workspace, {"sweep", sweep, "--out", "out", "--jobs", "2"});
  while (program.workers().size() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::vector<pid_t> workers = program.workers();
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), 130);
  for (const pid_t worker : workers) EXPECT_NE(kill(worker, 0), 0) << "no process is left behind";
  EXPECT_EQ(lines_of(workspace.path("out/results.csv")).size(), 5u);
  EXPECT_THAT(lines_of(workspace.path("out/results.csv"))[1], HasSubstr(",missing,"));
  EXPECT_TRUE(fs::is_empty(workspace.path("out/work")));
}

TEST(Sweep, ADryRunPrintsThePointsAndMakesNothing) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 5, 2000);
  const Outcome outcome = workspace.pagoda({"sweep", sweep, "--dry-run"});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_THAT(outcome.out, HasSubstr("00004  gap=5\n"));
  EXPECT_THAT(outcome.out, HasSubstr("5 points, about "));
  EXPECT_FALSE(fs::exists(workspace.path("out")));
}

void expect_refusal(const Workspace& workspace, const Outcome& outcome, const std::string& says) {
  EXPECT_EQ(outcome.status, 2) << outcome.errors;
  EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr(says));
  EXPECT_EQ(outcome.out, "");
  EXPECT_FALSE(fs::exists(workspace.path("new"))) << "nothing is begun";
}

struct BadSweep {
  const char* name;
  const char* text;
  const char* says;
};

class BadSweeps : public ::testing::TestWithParam<BadSweep> {};

TEST_P(BadSweeps, AreRefusedInOneLine) {
  const Workspace workspace;
  const std::string file = workspace.write("bad.yaml", GetParam().text);
  expect_refusal(workspace, workspace.pagoda({"sweep", file, "--out", "new"}), GetParam().says);
  expect_refusal(workspace, workspace.pagoda({"sweep", file, "--dry-run"}), GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadSweeps,
    ::testing::Values(
        BadSweep{"UnknownAxisPath", "name: x\nplatform: desktop\naxes:\n  - {path: cpus.*.mmu.dtbl, values: [1]}\n",
                 "bad.yaml:4: cpus.mmu.dtbl: unknown key"},
        BadSweep{"RefusedValue",
                 "name: x\nplatform: desktop\naxes:\n  - {path: cpus.*.mmu.dtlb.entries, values: [64, 65]}\n",
                 "bad.yaml:4: "},
        BadSweep{"RefusedWhenBuilt", "name: x\nplatform: desktop\naxes:\n  - {path: os.page_size, values: [8 KiB]}\n",
                 "bad.yaml:4: os.page_size"},
        BadSweep{"EmptyAxis", "name: x\nplatform: desktop\naxes:\n  - {path: quantum, values: []}\n",
                 "bad.yaml:4: axes.0"},
        BadSweep{"TooManyPoints",
                 "name: x\nplatform: desktop\nrepeats: 1000000\naxes:\n  - {path: warmup, values: [0, 1]}\n",
                 "bad.yaml:5: axes: the sweep has 2000000 points; allowed: up to 1000000, or more with --yes"},
        BadSweep{"UnknownStatistic",
                 "name: x\nplatform: desktop\nstatistics:\n  - cpu0.ipc\n  - cpu0.icp\nlimit: 100\n",
                 "bad.yaml:5: statistics.1: no point has `cpu0.icp` (did you mean `cpu0.ipc`?)"},
        BadSweep{"UnknownPlatform", "name: x\nplatform: dekstop\n", "bad.yaml:2: there is no platform `dekstop`"},
        BadSweep{"UnknownTrace",
                 "name: x\nplatform: desktop\naxes:\n  - {path: cpus.*.workload.trace, values: [no.xz]}\n",
                 "bad.yaml:4: cpus.0.workload.trace: there is no trace `no.xz`"},
        BadSweep{"NoYaml", "name: [x\n", "bad.yaml:"}, BadSweep{"NotASweep", "- 1\n- 2\n", "bad.yaml:1"}),
    [](const auto& test) { return test.param.name; });

TEST(BadSweepUse, FoldersAndOptions) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 2, 100);
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"sweep", sweep});
    return workspace.pagoda(arguments);
  };
  fs::create_directory(workspace.path("mine"));
  workspace.write("mine/thesis.tex", "mine");
  expect_refusal(workspace, run({"--out", "mine"}), "mine: exists and holds no sweep");
  expect_refusal(workspace, run({"--out", "mine", "--resume"}), "mine: exists and holds no sweep");
  expect_refusal(workspace, run({"--out", "mine", "--resume", "--force"}), "mine: exists and holds no sweep");
  EXPECT_EQ(read_file(workspace.path("mine/thesis.tex")), "mine");
  expect_refusal(workspace, run({}), "--out");
  expect_refusal(workspace, run({"--out", "new", "--point-time", "3"}), "--point-time");
  expect_refusal(workspace, run({"--out", "new", "--force"}), "--force");
  expect_refusal(workspace, run({"--out", "new", "--jobs", "0"}), "--jobs");
  expect_refusal(workspace, run({"--out", "new", "--partition", "p"}), "--slurm");
  expect_refusal(workspace, run({"--out", "new", "--set", "nonsense=1"}), "nonsense");
  expect_refusal(workspace, run({"--out", "new", "--cache", sweep}), "cache");
  expect_refusal(workspace, workspace.pagoda({"sweep", "no-such-sweep", "--out", "new"}), "no-such-sweep");
}

TEST(BadSweepUse, SlurmIsNotInstalled) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 2, 100);
  const Outcome outcome =
      workspace.execute("/usr/bin/env", {"PATH=/nowhere", PAGODA_PROGRAM, "sweep", sweep, "--out", "new", "--slurm"});
  expect_refusal(workspace, outcome, "Slurm is not installed");
}

TEST(SweepResume, RefusesWhatIsNotTheSameUnlessTold) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 4, 100);
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out"}).status, 0);
  expect_refusal(workspace, workspace.pagoda({"sweep", sweep, "--out", "out"}), "--resume");
  const auto before = testing::finished_points(workspace.path("out"));
  // Half of these points are those of the first sweep, under other numbers.
  const std::string other = workspace.write(
      "other.yaml",
      "name: other\nplatform: small.yaml\naxes:\n  - {path: cpus.*.workload.pattern.gap, values: [4, 9, 2, 8]}\n");
  expect_refusal(workspace, workspace.pagoda({"sweep", other, "--out", "out", "--resume"}), "holds another sweep");
  EXPECT_EQ(testing::finished_points(workspace.path("out")), before);
  ASSERT_EQ(workspace.pagoda({"sweep", other, "--out", "out", "--resume", "--force"}).status, 0);
  EXPECT_EQ(record_of(workspace, "00000")["from"], "an earlier sweep in this folder");
  EXPECT_EQ(record_of(workspace, "00001")["from"], "run");
  EXPECT_EQ(record_of(workspace, "00002")["from"], "an earlier sweep in this folder");
  ASSERT_EQ(workspace.pagoda({"sweep", other, "--out", "fresh"}).status, 0);
  EXPECT_EQ(read_file(workspace.path("out/results.csv")), read_file(workspace.path("fresh/results.csv")));
}

TEST(SweepResume, RefusesAnotherBuildUnlessTold) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 4, 100);
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out"}).status, 0);
  // A program with other bytes, which do nothing at its end.
  const fs::path other = workspace.path("pagoda");
  fs::copy_file(PAGODA_PROGRAM, other);
  std::ofstream(other, std::ios::app) << "x";
  const auto resume = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"sweep", sweep, "--out", "out", "--resume"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return workspace.execute(other.string(), arguments);
  };
  expect_refusal(workspace, resume({}), "another build");
  ASSERT_EQ(resume({"--force"}).status, 0);
  EXPECT_EQ(record_of(workspace, "00000")["from"], "an earlier sweep in this folder");
  EXPECT_EQ(resume({}).status, 0) << "it is of this build now";
}

TEST(SweepResume, TakesOtherStatisticsFromFinishedPoints) {
  const Workspace workspace;
  const std::string sweep = write_sweep(workspace, 2, 100);
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out"}).status, 0);
  const auto before = testing::finished_points(workspace.path("out"));
  std::string text = read_file(sweep);
  text.replace(text.find("[simulated_time_ns, cpu0.*]"), 27, "[cpu0.ipc]");
  workspace.write("sweep.yaml", text);
  ASSERT_EQ(workspace.pagoda({"sweep", sweep, "--out", "out", "--resume"}).status, 0);
  EXPECT_EQ(lines_of(workspace.path("out/results.csv"))[0],
            "point,platform,variant,repeat,seed,gap,status,reason,cpu0.ipc");
  EXPECT_EQ(testing::finished_points(workspace.path("out")), before);
}

}  // namespace pagoda::sweep_test
