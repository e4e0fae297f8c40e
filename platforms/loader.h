// From a name or path, a variant and `--set` changes to a platform configuration.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "platforms/platform_config.h"

namespace pagoda {

struct PlatformRequest {
  std::string platform;               ///< path of a YAML file, or name of a shipped platform
  std::string variant;                ///< empty: the platform as it is
  std::vector<std::string> sets;      ///< PATH=VALUE
  std::vector<ConfigMember> changes;  ///< paths and values, after `sets`
  std::string trace;                  ///< run on every core instead of its workload
  std::string limit;                  ///< records of each core's workload and transfers of each device; empty: all
};

/// The configuration, with trace paths made absolute. Errors: UserError with file and line.
PlatformConfig load_platform(const PlatformRequest& request);

/// The same from the text of a platform file that was read already. `file` is its name in messages; traces are looked
/// for beside it. What the request says of the platform's name is not used.
PlatformConfig parse_platform(std::string_view text, const std::string& file, const PlatformRequest& request);

/// The same from a parsed platform file.
PlatformConfig configure_platform(ConfigNode root, const std::string& file, const PlatformRequest& request);

/// The path and value of a `--set PATH=VALUE`; UserError if it is none.
ConfigMember parse_change(const std::string& text);

/// The file of a platform; UserError naming the shipped ones if there is none.
std::string find_platform(const std::string& name_or_path);

struct ShippedPlatform {
  std::string name;
  std::string file;
};
/// All platforms that come with Pagoda, by name.
std::vector<ShippedPlatform> shipped_platforms();

/// The folders that hold the shipped platforms and traces: of an installation, else of the source tree.
std::vector<std::string> data_folders();

}  // namespace pagoda
