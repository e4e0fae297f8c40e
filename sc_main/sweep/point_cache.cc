#include "sc_main/sweep/point_cache.h"

#include <array>
#include <unistd.h>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

constexpr std::array kResults{"stats.json", "stats.csv", "distributions.csv", "run.json", "summary.txt", "log.txt"};

}  // namespace

void copy_results(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  for (const char* name : kResults) fs::copy_file(from / name, to / name);
}

PointCache::PointCache(const fs::path& folder) : folder_(fs::absolute(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error || access(folder_.c_str(), W_OK) != 0) {
    throw UserError({folder.string(), 0}, "the folder of the cache cannot be written");
  }
}

fs::path PointCache::entry(const std::string& key) const { return folder_ / key.substr(0, 2) / key; }

std::optional<fs::path> PointCache::find(const std::string& key) const {
  const fs::path path = entry(key);
  std::error_code none;
  if (!fs::is_directory(path, none)) return std::nullopt;
  return path;
}

void PointCache::add(const std::string& key, const fs::path& point) const {
  const fs::path path = entry(key);
  const fs::path staging = path.parent_path() / fmt::format(".{}.{}", key, getpid());
  std::error_code ignored;
  if (fs::exists(path, ignored)) return;
  try {
    fs::remove_all(staging);
    copy_results(point, staging);
    fs::rename(staging, path);
  } catch (const fs::filesystem_error&) {  // another sweep put it there at the same time, or the disk is full
    fs::remove_all(staging, ignored);
  }
}

}  // namespace pagoda
