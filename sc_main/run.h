// What `pagoda run` was asked for.
#pragma once

#include <string>

#include "platforms/loader.h"

namespace pagoda {

struct RunOptions {
  PlatformRequest request;
  bool all_variants = false;
  std::string vcd;
  std::string out;
  bool json = false;
  std::string command_line;
};

/// Runs the platform in this process.
int run_one(const RunOptions& options);
/// Runs every variant in a process of its own, and compares them.
int run_all_variants(const RunOptions& options);

/// Where results go if no folder was named.
std::string default_folder(const PlatformConfig& config, const std::string& variant);

}  // namespace pagoda
