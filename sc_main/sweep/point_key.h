// What makes two points the same: the platform as resolved, the contents of its traces, and the program that runs it.
#pragma once

#include <map>
#include <string>

#include "platforms/platform_config.h"

namespace pagoda {

struct PointKey {
  std::string content;  ///< of platform and traces
  std::string full;     ///< of these and the program
};

class KeyMaker {
 public:
  /// `program` tells versions and builds apart.
  explicit KeyMaker(std::string program) : program_(std::move(program)) {}

  /// Names and descriptions have no part in it.
  PointKey key_of(const PlatformConfig& config);

  /// Digest of a file's contents; read once.
  const std::string& digest_of_trace(const std::string& path);

 private:
  std::string program_;
  std::map<std::string, std::string> traces_;
};

}  // namespace pagoda
