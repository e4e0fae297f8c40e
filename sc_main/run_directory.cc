#include "sc_main/run_directory.h"

#include <fstream>
#include <unistd.h>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

// A folder may be replaced if it is empty or holds the results of an earlier run.
bool replaceable(const fs::path& folder) {
  return fs::is_directory(folder) &&
         (fs::is_empty(folder) || fs::exists(folder / "run.json") || fs::exists(folder / "comparison.json"));
}

}  // namespace

RunDirectory::RunDirectory(const fs::path& path) {
  try {
    path_ = fs::absolute(path).lexically_normal();
    if (path_.filename().empty()) path_ = path_.parent_path();
    if (fs::exists(path_) && !replaceable(path_)) {
      throw UserError({path.string(), 0}, "exists and holds no results of a run; name another folder");
    }
    fs::create_directories(path_.parent_path());
    staging_ = path_.parent_path() / fmt::format(".{}.{}", path_.filename().string(), getpid());
    fs::remove_all(staging_);
    fs::create_directory(staging_);
  } catch (const fs::filesystem_error& error) {
    throw UserError({path.string(), 0}, fmt::format("the folder cannot be written: {}", error.code().message()));
  }
}

RunDirectory::~RunDirectory() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(staging_, ignored);
}

void RunDirectory::write(const std::string& name, const std::string& contents) const {
  std::ofstream file(staging_ / name, std::ios::binary);
  file << contents;
  if (!file.flush()) throw UserError({(path_ / name).string(), 0}, "cannot be written; is the disk full?");
}

void RunDirectory::write_missing(const std::string& name) const {
  if (!fs::exists(staging_ / name)) write(name, "");
}

void RunDirectory::commit() {
  try {
    fs::remove_all(path_);
    fs::rename(staging_, path_);
  } catch (const fs::filesystem_error& error) {
    throw UserError({path_.string(), 0}, fmt::format("the folder cannot be written: {}", error.code().message()));
  }
  committed_ = true;
}

}  // namespace pagoda
