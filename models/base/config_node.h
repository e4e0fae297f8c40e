// A configuration as it was written: a tree of maps, lists and scalars that remembers where each part stands.
//
// Read from YAML (yaml-cpp), edited by variants and `--set`, bound to config structs by config_schema.h. A
// document has at most kMaxConfigNodes parts after its aliases are expanded.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pagoda/base/error.h"

namespace pagoda {

inline constexpr std::size_t kMaxConfigNodes = 200'000;

struct ConfigMember;

struct ConfigNode {
  enum class Kind { null, scalar, sequence, map };

  Kind kind = Kind::null;
  std::string scalar;
  std::vector<ConfigNode> items;      ///< of a sequence
  std::vector<ConfigMember> members;  ///< of a map, in the order written
  SourceLocation where;

  static ConfigNode of_scalar(std::string text, SourceLocation where = {});
  static ConfigNode of_map(SourceLocation where = {});
  static ConfigNode of_sequence(SourceLocation where = {});

  /// The value of `key` in a map; null if there is none.
  const ConfigNode* find(std::string_view key) const;
  ConfigNode* find(std::string_view key);
  void add(std::string key, ConfigNode value);
};

struct ConfigMember {
  std::string key;
  SourceLocation where;
  ConfigNode value;
};

/// Parses YAML. Throws UserError with file and line on syntax errors and duplicate keys.
ConfigNode parse_yaml_file(const std::string& path);
ConfigNode parse_yaml(std::string_view text, const std::string& file_name);

/// YAML that parses to the same tree; maps and lists in block style.
std::string to_yaml(const ConfigNode& node);

/// Sets the value at a dotted path: `cpus.0.mmu.dtlb.entries`. A number or `*` picks the items of a list; a
/// list without either means all its items. Maps on the way are made if missing, list items are not. Throws
/// UserError naming `where`.
void set_path(ConfigNode& root, std::string_view path, const ConfigNode& value, const SourceLocation& where);

/// The candidate most like `word`, as ` (did you mean `x`?)`, or nothing if none comes close.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace pagoda
