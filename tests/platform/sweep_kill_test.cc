// kill -9 of a sweep and of its workers at random moments, over and over, until the sweep is whole: no point is lost, none
// is run twice, and the results are those of a sweep that nobody disturbed.
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "platform/sweep_bench.h"

namespace pagoda::sweep_kill_test {

namespace fs = std::filesystem;
using testing::BackgroundProgram;
using testing::finished_points;
using testing::read_file;
using testing::Workspace;

constexpr int kPoints = 24;
constexpr int kAccesses = 20'000;
constexpr int kMostStarts = 200;

using Points = std::map<std::string, std::string>;

// Points that were finished stay as they are, unless they were lost to a signal.
void expect_kept(const fs::path& sweep, const Points& before, const Points& after) {
  for (const auto& [point, file] : before) {
    ASSERT_TRUE(after.contains(point)) << point << " is gone from " << sweep;
    EXPECT_EQ(after.at(point), file) << point << " was run again";
  }
}

Points without_lost(const fs::path& sweep, Points points) {
  std::erase_if(points, [&](const auto& point) {
    return read_file(sweep / "points" / point.first / "point.json").find("\"lost\"") != std::string::npos;
  });
  return points;
}

class Killed : public ::testing::TestWithParam<unsigned> {
 protected:
  Workspace workspace_;
  std::string sweep_ = testing::write_sweep(workspace_, kPoints, kAccesses);
  std::mt19937 random_{GetParam()};
  std::chrono::duration<double> undisturbed_{};  // what the whole sweep takes

  // From before the folder is there to after some points, however busy the machine is.
  void wait_a_while() {
    const double part = std::uniform_real_distribution<>(0, 0.7)(random_);
    std::this_thread::sleep_for(part * undisturbed_);
  }
  bool exists() const { return fs::exists(workspace_.path("out/sweep.json")); }
  std::vector<std::string> arguments() const {
    std::vector<std::string> arguments{"sweep", sweep_, "--out", "out", "--jobs", "3"};
    if (exists()) arguments.emplace_back("--resume");
    return arguments;
  }
  Points finished() const {
    return exists() ? without_lost(workspace_.path("out"), finished_points(workspace_.path("out"))) : Points{};
  }
};

TEST_P(Killed, LosesAndDuplicatesNothing) {
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(workspace_.pagoda({"sweep", sweep_, "--out", "undisturbed", "--jobs", "2"}).status, 0);
  undisturbed_ = std::chrono::steady_clock::now() - begin;
  int kills = 0;
  for (int start = 0;; ++start) {
    ASSERT_LT(start, kMostStarts) << "it never comes to its end";
    const Points before = finished();
    BackgroundProgram program(workspace_, arguments());
    wait_a_while();
    const std::vector<pid_t> workers = program.workers();
    if (random_() % 2 == 0 && !workers.empty()) {
      kill(workers[random_() % workers.size()], SIGKILL);
      wait_a_while();
    }
    program.signal(SIGKILL);
    const int status = program.wait();
    const bool killed = status == 128 + SIGKILL;
    ASSERT_TRUE(killed || status == 0 || status == 1) << "start " << start << " ended with status " << status;
    kills += killed ? 1 : 0;
    // The kernel ends them with their parent.
    for (const pid_t worker : workers) EXPECT_TRUE(testing::ends_soon(worker));
    expect_kept(workspace_.path("out"), before, finished());
    if (!killed && finished().size() == kPoints) break;
  }
  RecordProperty("kills", kills);
  ASSERT_EQ(workspace_.pagoda(arguments()).status, 0);
  EXPECT_EQ(finished_points(workspace_.path("out")).size(), static_cast<std::size_t>(kPoints));
  for (const char* file : {"results.csv", "results.json"}) {
    EXPECT_EQ(read_file(workspace_.path("out") / file), read_file(workspace_.path("undisturbed") / file));
  }
  EXPECT_TRUE(fs::is_empty(workspace_.path("out/work")));
}

INSTANTIATE_TEST_SUITE_P(Seeds, Killed, ::testing::Range(0u, 10u));

}  // namespace pagoda::sweep_kill_test
