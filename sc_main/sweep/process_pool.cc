#include "sc_main/sweep/process_pool.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/process.hpp>
#include <boost/process/extend.hpp>
#include <fmt/format.h>

namespace pagoda {
namespace {

namespace bp = boost::process;
using std::chrono::milliseconds;

constexpr milliseconds kMemoryLook{50};
// How often ended processes are looked for on a kernel that cannot tell (before Linux 5.3).
constexpr milliseconds kPoll{5};
constexpr std::array kInterrupts{SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t interrupted = 0;  // a handler can reach nothing else

// Runs in the new process, before it becomes the program.
void become_worker(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it was gone before
  setpgid(0, 0);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (const int signal : kInterrupts) std::signal(signal, SIG_DFL);
}

// glibc 2.36 declares its own without C linkage.
int descriptor_of(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void ProcessPool::start(std::size_t id, const std::vector<std::string>& arguments, const std::filesystem::path& output,
                        const std::filesystem::path& errors, const ProcessLimits& limits) {
  const pid_t parent = getpid();
  bp::child child(
      "/proc/self/exe", arguments,
      bp::std_in<bp::null, bp::std_out>(output.empty() ? std::string("/dev/null") : output.string()),
      bp::std_err > errors.string(), bp::extend::on_exec_setup = [parent](auto&) { become_worker(parent); });
  const pid_t pid = child.id();
  child.detach();  // waited for below, with what it used
  running_.push_back({id, pid, descriptor_of(pid), Clock::now(), limits, {}});
}

ProcessPool::Clock::duration ProcessPool::until_next_look(Clock::duration longest) const {
  const Clock::time_point now = Clock::now();
  for (const Running& process : running_) {
    if (process.descriptor < 0) longest = std::min<Clock::duration>(longest, kPoll);
    if (process.limits.memory) longest = std::min<Clock::duration>(longest, kMemoryLook);
    if (!process.limits.time) continue;
    const Clock::time_point deadline = process.started + std::chrono::nanoseconds(process.limits.time->ps / 1000);
    longest = std::min(longest, std::max(deadline - now, Clock::duration::zero()));
  }
  return longest;
}

void ProcessPool::enforce_limits() {
  const Clock::time_point now = Clock::now();
  for (Running& process : running_) {
    if (!process.over_limit.empty()) continue;
    const ProcessLimits& limits = process.limits;
    if (limits.time && now - process.started >= std::chrono::nanoseconds(limits.time->ps / 1000)) {
      process.over_limit = fmt::format("took longer than {}", to_string(*limits.time));
    } else if (limits.memory && resident_bytes(process.pid) > limits.memory->count) {
      process.over_limit = fmt::format("took more than {} of memory", to_string(*limits.memory));
    }
    if (!process.over_limit.empty()) kill(process.pid, SIGKILL);
  }
}

std::vector<EndedProcess> ProcessPool::wait(milliseconds longest) {
  std::vector<pollfd> descriptors;
  for (const Running& process : running_) {
    if (process.descriptor >= 0) descriptors.push_back({process.descriptor, POLLIN, 0});
  }
  const auto look = std::chrono::ceil<milliseconds>(until_next_look(longest));
  poll(descriptors.data(), descriptors.size(), static_cast<int>(look.count()));
  enforce_limits();
  std::vector<EndedProcess> ended;
  std::erase_if(running_, [&](Running& process) {
    int status = 0;
    rusage usage{};
    if (wait4(process.pid, &status, WNOHANG, &usage) != process.pid) return false;
    if (process.descriptor >= 0) close(process.descriptor);
    EndedProcess end{.id = process.id, .over_limit = process.over_limit};
    end.signalled = WIFSIGNALED(status);
    end.exit_status = end.signalled ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    end.seconds = std::chrono::duration<double>(Clock::now() - process.started).count();
    end.peak_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    ended.push_back(std::move(end));
    return true;
  });
  return ended;
}

void ProcessPool::kill_all() {
  for (const Running& process : running_) kill(process.pid, SIGKILL);
  for (const Running& process : running_) {
    waitpid(process.pid, nullptr, 0);
    if (process.descriptor >= 0) close(process.descriptor);
  }
  running_.clear();
}

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  for (const int signal : kInterrupts) std::signal(signal, [](int) { interrupted = 1; });
}

InterruptGuard::~InterruptGuard() {
  for (const int signal : kInterrupts) std::signal(signal, SIG_DFL);
}

bool InterruptGuard::requested() { return interrupted != 0; }

}  // namespace pagoda
