// A folder for files that nobody is to see, gone with its owner.
//
// Errors: UserError naming the system's folder for temporary files (TMPDIR) if none can be made there.
#pragma once

#include <filesystem>
#include <string_view>

namespace pagoda {

class TemporaryFolder {
 public:
  /// Its name begins with `prefix`.
  explicit TemporaryFolder(std::string_view prefix);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace pagoda
