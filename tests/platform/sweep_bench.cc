#include "platform/sweep_bench.h"

#include <csignal>
#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>

#include <boost/process.hpp>
#include <fmt/format.h>

namespace pagoda::testing {

namespace fs = std::filesystem;
namespace bp = boost::process;

BackgroundProgram::BackgroundProgram(const Workspace& workspace, const std::vector<std::string>& arguments) {
  bp::child child(PAGODA_PROGRAM, arguments, bp::std_in<bp::null, (bp::std_out & bp::std_err)> bp::null,
                  bp::start_dir(workspace.path().string()));
  pid_ = child.id();
  child.detach();
}

BackgroundProgram::~BackgroundProgram() {
  if (ended_) return;
  kill(pid_, SIGKILL);
  wait();
}

std::vector<pid_t> BackgroundProgram::workers() const {
  std::ifstream file(fmt::format("/proc/{}/task/{}/children", pid_, pid_));
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

void BackgroundProgram::signal(int number) const { kill(pid_, number); }

int BackgroundProgram::wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  ended_ = true;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool ends_soon(pid_t pid) {
  for (int i = 0; i < 1000; ++i) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string text;
    std::getline(file, text);
    // PID (NAME) STATE: a zombie has ended, though nobody has waited for it.
    const std::size_t name = text.rfind(')');
    if (name == std::string::npos || text.compare(name + 2, 1, "Z") == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

std::string write_sweep(const Workspace& workspace, int points, int accesses, const std::string& rest) {
  workspace.write("small.yaml", fmt::format("name: small\n"
                                            "cpus:\n"
                                            "  - core: {{fetch: false}}\n"
                                            "    workload: {{pattern: {{kind: random, size: 1 MiB, count: {}}}}}\n",
                                            accesses));
  return workspace.write("sweep.yaml",
                         fmt::format("name: test\n"
                                     "platform: small.yaml\n"
                                     "axes:\n"
                                     "  - {{path: cpus.*.workload.pattern.gap, name: gap, from: 1, to: {}, "
                                     "steps: {}}}\n"
                                     "statistics: [simulated_time_ns, cpu0.*]\n{}",
                                     points, points, rest));
}

std::map<std::string, std::string> finished_points(const fs::path& sweep) {
  std::map<std::string, std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(sweep / "points")) {
    struct stat status {};
    stat((entry.path() / "point.json").c_str(), &status);
    found[entry.path().filename()] =
        fmt::format("{} {}.{}", status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }
  return found;
}

}  // namespace pagoda::testing
