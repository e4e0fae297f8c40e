#include "platform/program.h"

#include <fstream>
#include <iterator>
#include <sstream>

#include <boost/process.hpp>
#include <gtest/gtest.h>

namespace pagoda::testing {

namespace fs = std::filesystem;
namespace bp = boost::process;

std::string Workspace::write(const std::string& name, const std::string& text) const {
  std::ofstream(folder_.path() / name) << text;
  return (folder_.path() / name).string();
}

Outcome Workspace::execute(const std::string& command, const std::vector<std::string>& arguments) const {
  // The program's output goes beside the workspace, so that what it leaves inside can be looked at.
  const std::string out = folder_.path().string() + ".out";
  const std::string errors = folder_.path().string() + ".errors";
  Outcome outcome;
  outcome.status = bp::system(command, bp::args(arguments), bp::std_out > out, bp::std_err > errors,
                              bp::std_in < bp::null, bp::start_dir(folder_.path().string()));
  outcome.out = read_file(out);
  outcome.errors = read_file(errors);
  fs::remove(out);
  fs::remove(errors);
  return outcome;
}

Outcome Workspace::pagoda(const std::vector<std::string>& arguments) const {
  return execute(PAGODA_PROGRAM, arguments);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

RunStats::RunStats(const fs::path& stats_json) : root_(nlohmann::json::parse(read_file(stats_json))) {}

const nlohmann::json* RunStats::find(const std::string& path) const {
  const nlohmann::json* node = &root_;
  std::istringstream parts(path);
  for (std::string part; std::getline(parts, part, '.');) {
    const auto found = node->find(part);
    if (found == node->end()) return nullptr;
    node = &*found;
  }
  return node;
}

bool RunStats::has(const std::string& path) const { return find(path) != nullptr; }

double RunStats::operator[](const std::string& path) const {
  const nlohmann::json* node = find(path);
  if (node != nullptr && node->is_object() && node->contains("value")) node = &node->at("value");
  if (node == nullptr || !node->is_number()) {
    ADD_FAILURE() << "no statistic " << path;
    return -1;
  }
  return node->get<double>();
}

RunStats run_platform(const Workspace& workspace, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "run");
  const fs::path out = workspace.path("results");
  arguments.insert(arguments.end(), {"--out", out.string()});
  const Outcome outcome = workspace.pagoda(arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  return RunStats(out / "stats.json");
}

}  // namespace pagoda::testing
