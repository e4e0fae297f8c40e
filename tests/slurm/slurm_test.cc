// Sweeps on a real Slurm cluster of two node daemons on this machine, started by ctest (the fixture slurm_cluster). Where
// it could not be started, the tests say so and are skipped.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/sweep_bench.h"

namespace pagoda::slurm_test {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::BackgroundProgram;
using ::testing::HasSubstr;
using testing::Outcome;
using testing::read_file;
using testing::Workspace;

constexpr int kPoints = 24;
constexpr int kAccesses = 300'000;

class Slurm : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("SLURM_CONF", (fs::path(PAGODA_SLURM_FOLDER) / "slurm.conf").c_str(), 1);
    const Outcome nodes = workspace_.execute("/usr/bin/env", {"sinfo", "--noheader", "--format=%D"});
    if (nodes.status != 0) {
      GTEST_SKIP() << "there is no Slurm cluster: " << read_file(fs::path(PAGODA_SLURM_FOLDER) / "why-not");
    }
    const Outcome local = workspace_.pagoda({"sweep", sweep_, "--out", "local"});
    ASSERT_EQ(local.status, 0) << local.errors;
  }

  std::vector<std::string> submission(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"sweep", sweep_, "--out", "out", "--slurm", "--chunk", "4"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  void expect_the_same_results() const {
    for (const char* file : {"results.csv", "results.json"}) {
      EXPECT_EQ(read_file(workspace_.path("out") / file), read_file(workspace_.path("local") / file)) << file;
    }
    EXPECT_TRUE(fs::is_empty(workspace_.path("out/work")));
  }
  std::size_t finished() const {
    return fs::exists(workspace_.path("out/points")) ? testing::finished_points(workspace_.path("out")).size() : 0;
  }
  void wait_for_points(std::size_t count) const {
    while (finished() < count) std::this_thread::sleep_for(milliseconds(20));
  }
  void cluster(const std::string& command, const std::string& argument = {}) const {
    std::vector<std::string> arguments{PAGODA_SOURCE_DIR "/tests/slurm/cluster", command};
    if (!argument.empty()) arguments.push_back(argument);
    setenv("SLURM_TEST_DIR", PAGODA_SLURM_FOLDER, 1);
    const Outcome outcome = workspace_.execute("/bin/bash", arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
  }
  // Processes of tasks of the sweep, from the names of their folders.
  std::vector<pid_t> tasks() const {
    std::vector<pid_t> pids;
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(workspace_.path("out/work"), none)) {
      const std::string name = entry.path().filename();
      if (name.starts_with("slurm-")) pids.push_back(std::stoi(name.substr(name.rfind('-') + 1)));
    }
    return pids;
  }

  Workspace workspace_;
  std::string sweep_ = testing::write_sweep(workspace_, kPoints, kAccesses);
};

TEST_F(Slurm, GivesTheSameResultsAsALocalRun) {
  const Outcome outcome =
      workspace_.pagoda(submission({"--partition", "test", "--time", "10", "--sbatch=--comment=x"}));
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  expect_the_same_results();
  EXPECT_TRUE(fs::exists(workspace_.path("out/slurm/batch-0000/task-5.log"))) << "24 points, 4 to a task";
  EXPECT_FALSE(fs::exists(workspace_.path("out/slurm/batch-0000/task-6.log")));
}

TEST_F(Slurm, EqualPointsAreRunOnce) {
  const std::string equal = workspace_.write(
      "equal.yaml",
      "name: equal\nplatform: small.yaml\naxes:\n  - {path: cpus.*.workload.pattern.gap, values: [1, 0x1, 2]}\n");
  const Outcome outcome = workspace_.pagoda({"sweep", equal, "--out", "equal", "--slurm", "--chunk", "1"});
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_THAT(read_file(workspace_.path("equal/points/00001/point.json")), HasSubstr("\"from\": \"points/00000\""));
}

TEST_F(Slurm, ANodeThatFailsLosesNothing) {
  BackgroundProgram program(workspace_, submission());
  wait_for_points(3);
  cluster("kill-node", "1");
  // The daemon's tasks go with their node.
  for (const pid_t task : tasks()) kill(task, SIGKILL);
  std::this_thread::sleep_for(milliseconds(2000));
  cluster("start-node", "1");
  EXPECT_EQ(program.wait(), 0);
  expect_the_same_results();
  EXPECT_TRUE(fs::exists(workspace_.path("out/slurm/batch-0001"))) << "what was lost was submitted again";
}

TEST_F(Slurm, ANodeDaemonThatDiesLosesNothing) {
  BackgroundProgram program(workspace_, submission());
  wait_for_points(3);
  cluster("kill-node", "2");
  EXPECT_EQ(program.wait(), 0) << "one node goes on";
  expect_the_same_results();
  cluster("start-node", "2");
}

TEST_F(Slurm, AControllerThatRestartsLosesNothing) {
  BackgroundProgram program(workspace_, submission());
  wait_for_points(3);
  cluster("restart-controller");
  EXPECT_EQ(program.wait(), 0);
  expect_the_same_results();
}

TEST_F(Slurm, CancelledTasksAreSubmittedAgain) {
  BackgroundProgram program(workspace_, submission());
  wait_for_points(3);
  const nlohmann::json state = nlohmann::json::parse(read_file(workspace_.path("out/slurm/state.json")));
  workspace_.execute("/usr/bin/env", {"scancel", state["batches"][0]["job"].get<std::string>()});
  EXPECT_EQ(program.wait(), 0);
  expect_the_same_results();
}

TEST_F(Slurm, AnotherProcessFollowsTheJobsOfOneThatWasKilled) {
  {
    BackgroundProgram program(workspace_, submission());
    wait_for_points(3);
    program.signal(SIGKILL);
    EXPECT_EQ(program.wait(), 128 + SIGKILL);
  }
  const Outcome refused = workspace_.pagoda({"sweep", sweep_, "--out", "out", "--resume"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.errors, HasSubstr("--attach"));
  const Outcome attached = workspace_.pagoda({"sweep", sweep_, "--out", "out", "--attach"});
  EXPECT_EQ(attached.status, 0) << attached.errors;
  expect_the_same_results();
  EXPECT_FALSE(fs::exists(workspace_.path("out/slurm/batch-0001"))) << "nothing was submitted twice";
}

TEST_F(Slurm, AnInterruptLeavesTheJobs) {
  BackgroundProgram program(workspace_, submission());
  wait_for_points(1);
  program.signal(SIGINT);
  EXPECT_EQ(program.wait(), 130);
  wait_for_points(kPoints);
  EXPECT_EQ(workspace_.pagoda({"sweep", sweep_, "--out", "out", "--attach"}).status, 0);
  expect_the_same_results();
}

TEST_F(Slurm, RefusedOptionsAreOneLine) {
  const Outcome outcome = workspace_.pagoda(submission({"--partition", "no-such"}));
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
  EXPECT_FALSE(fs::exists(workspace_.path("out")));
}

// A task whose node has another program cannot run anything: its points are given up, not tried for ever.
TEST_F(Slurm, PointsThatNoTaskFinishesAreRecorded) {
  const std::string endless = workspace_.write("endless.yaml",
                                               "name: endless\nplatform: small.yaml\n"
                                               "set: {cpus.*.workload.pattern.count: 4000000000}\n");
  BackgroundProgram program(workspace_, {"sweep", endless, "--out", "endless", "--slurm", "--chunk", "1"});
  for (int task = 0; task < 3; ++task) {
    const fs::path log = workspace_.path(fmt::format("endless/slurm/batch-{:04}/task-0.log", task));
    while (!fs::exists(log)) std::this_thread::sleep_for(milliseconds(20));
    const nlohmann::json state = nlohmann::json::parse(read_file(workspace_.path("endless/slurm/state.json")));
    workspace_.execute("/usr/bin/env",
                       {"scancel", "--full", "--signal=KILL", state["batches"][static_cast<std::size_t>(task)]["job"]});
  }
  EXPECT_EQ(program.wait(), 1);
  EXPECT_THAT(read_file(workspace_.path("endless/results.csv")), HasSubstr("its Slurm task ended 3 times"));
}

}  // namespace pagoda::slurm_test
