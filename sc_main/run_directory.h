// The folder that a run leaves its results in: all of them, or nothing.
#pragma once

#include <filesystem>
#include <string>

namespace pagoda {

/// Collects files in a folder beside `path` and puts it in place with commit(). What is not committed is removed.
/// Errors: UserError if the folder cannot be written, the disk is full, or `path` holds something that is not a run's.
class RunDirectory {
 public:
  explicit RunDirectory(const std::filesystem::path& path);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  void write(const std::string& name, const std::string& contents) const;
  /// Makes the file, empty, unless somebody wrote it already.
  void write_missing(const std::string& name) const;
  /// Where the files lie until commit().
  const std::filesystem::path& staging() const { return staging_; }
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path staging_;
  bool committed_ = false;
};

}  // namespace pagoda
