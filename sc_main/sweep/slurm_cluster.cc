#include "sc_main/sweep/slurm_cluster.h"

#include <charconv>
#include <cstdlib>
#include <future>
#include <sstream>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/process.hpp>
#include <boost/process/extend.hpp>
#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "sc_main/sweep/files.h"

namespace pagoda {
namespace {

namespace bp = boost::process;

// Slurm's default of MaxArraySize, less one for the array that starts at 0.
constexpr std::size_t kUsualArray = 1000;

struct Answer {
  int status = -1;
  std::string out;
  std::string errors;
};

// Where the shell would find a command; empty if nowhere.
std::string on_path(const std::string& command) {
  const char* folders = std::getenv("PATH");
  std::istringstream list(folders == nullptr ? "" : folders);
  for (std::string folder; std::getline(list, folder, ':');) {
    const std::filesystem::path program = std::filesystem::path(folder) / command;
    if (access(program.c_str(), X_OK) == 0) return program.string();
  }
  return {};
}

Answer ask(const std::string& command, const std::vector<std::string>& arguments) {
  const std::string program = on_path(command);
  if (program.empty()) {
    throw UserError({"--slurm", 0}, fmt::format("Slurm is not installed: there is no `{}` on the PATH", command));
  }
  boost::asio::io_context context;
  std::future<std::string> out;
  std::future<std::string> errors;
  Answer answer;
  // In a group of its own: an interrupt from the keyboard is for the sweep, which may be in the middle of a submission.
  answer.status = bp::system(
      program, bp::args(arguments), bp::std_in<bp::null, bp::std_out> out, bp::std_err > errors, context,
      bp::extend::on_exec_setup = [](auto&) { setpgid(0, 0); });
  answer.out = out.get();
  answer.errors = errors.get();
  return answer;
}

}  // namespace

std::vector<std::string> SlurmOptions::arguments() const {
  std::vector<std::string> arguments{"--no-requeue", fmt::format("--cpus-per-task={}", cpus_per_task)};
  if (!partition.empty()) arguments.push_back("--partition=" + partition);
  if (!account.empty()) arguments.push_back("--account=" + account);
  if (!time.empty()) arguments.push_back("--time=" + time);
  if (!memory.empty()) arguments.push_back("--mem=" + memory);
  arguments.insert(arguments.end(), others.begin(), others.end());
  return arguments;
}

SlurmCluster::SlurmCluster(SlurmOptions options) : options_(std::move(options)), largest_array_(kUsualArray) {
  std::vector<std::string> arguments = options_.arguments();
  arguments.insert(arguments.end(), {"--test-only", "--wrap", "true"});
  const Answer test = ask("sbatch", arguments);
  if (test.status != 0) throw UserError({"--slurm", 0}, "Slurm refuses: " + last_line(test.errors));
  std::istringstream config(ask("scontrol", {"show", "config"}).out);
  for (std::string line; std::getline(config, line);) {
    constexpr std::string_view kKey = "MaxArraySize";
    if (!line.starts_with(kKey)) continue;
    const std::size_t digits = line.find_first_of("0123456789");
    if (digits == std::string::npos) continue;
    std::size_t size = 0;
    std::from_chars(line.data() + digits, line.data() + line.size(), size);
    if (size > 1) largest_array_ = size - 1;
  }
}

std::string SlurmCluster::submit(const std::filesystem::path& script, std::size_t tasks, const std::string& name,
                                 const std::filesystem::path& folder, const std::string& log) const {
  std::vector<std::string> arguments = options_.arguments();
  arguments.insert(arguments.end(), {"--parsable", fmt::format("--array=0-{}", tasks - 1), "--job-name=" + name,
                                     "--chdir=" + folder.string(), "--output=" + log, script.string()});
  const Answer answer = ask("sbatch", arguments);
  if (answer.status != 0) throw UserError({"--slurm", 0}, "Slurm refuses: " + last_line(answer.errors));
  // JOB, or JOB;CLUSTER
  return answer.out.substr(0, answer.out.find_first_of(";\n"));
}

std::optional<std::set<SlurmTask>> SlurmCluster::alive(const std::string& name) {
  const Answer answer = ask("squeue", {"--noheader", "--array", "--name=" + name, "--format=%F %K %T"});
  if (answer.status != 0) return std::nullopt;
  std::set<SlurmTask> tasks;
  std::istringstream lines(answer.out);
  SlurmTask task;
  for (std::string state; lines >> task.job >> task.task >> state;) {
    // What completes does nothing more for the sweep; on a node that is gone it stays so for long.
    if (state != "COMPLETING") tasks.insert(task);
  }
  return tasks;
}

}  // namespace pagoda
