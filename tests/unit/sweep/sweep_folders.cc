#include "unit/sweep/sweep_folders.h"

#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "unit/sweep/sweep_sources.h"

namespace pagoda::testing {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

SweepOnDisk::SweepOnDisk(const std::string& rest)
    : plan_(sources_of(rest)),
      folder_(SweepFolder::create(temporary_.path() / "sweep", SweepManifest::of(plan_, {}, "1.0", "program"),
                                  plan_.sources())) {}

bool SweepOnDisk::put(std::size_t number, PointStatus status, const std::string& stats_csv, const std::string& reason) {
  const fs::path staging = folder_.make_work("test");
  std::ofstream(staging / "stats.csv") << stats_csv;
  const nlohmann::json json = {{"status", to_string(status)},
                               {"reason", reason},
                               {"exit_status", 0},
                               {"seed", plan_.resolve(plan_.point(number)).seed},
                               {"seconds", 0},
                               {"content", "c"},
                               {"key", "k"},
                               {"version", "1.0"},
                               {"from", "run"}};
  std::ofstream(staging / "point.json") << json.dump();
  return folder_.commit(number, staging);
}

}  // namespace pagoda::testing
