// Results of finished points by key, in a folder that several sweeps may use at the same time.
//
// Entries are put in place by one rename and never changed. Errors: UserError if the folder cannot be written.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace pagoda {

class PointCache {
 public:
  explicit PointCache(const std::filesystem::path& folder);

  std::optional<std::filesystem::path> find(const std::string& key) const;
  /// Keeps a copy of the results in `point`. A full disk is no error: the entry is left out.
  void add(const std::string& key, const std::filesystem::path& point) const;

 private:
  std::filesystem::path entry(const std::string& key) const;

  std::filesystem::path folder_;
};

/// Copies what a run leaves, but for its platform.yaml, which holds names of its own.
void copy_results(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace pagoda
