// What a config struct consists of, in a form that parsing, validation, `describe`, the JSON Schema, the docs
// and the resolved config are all generated from.
//
// A config struct is an aggregate with defaults and one static member:
//
//   struct TlbConfig {
//     std::uint64_t entries = 64;
//     Latency latency = Latency::cycles(1);
//     static const ConfigInfo& config_info();
//   };
//
// whose definition (in a source file, with config_builder.h) names every member once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pagoda/base/config_node.h"

namespace pagoda {

class ConfigInfo;

/// A value in the unit that results show it in; without a unit for plain numbers.
struct ConfigNumber {
  double value = 0;
  std::string unit;
};

/// A type that a config member may have. `object` points to a value of that type.
class ConfigType {
 public:
  virtual ~ConfigType() = default;

  /// Sets `object` from what the user wrote. `path` is where it stands in the configuration, for the message.
  virtual void bind(const ConfigNode& node, const std::string& path, void* object) const = 0;
  virtual ConfigNode to_node(const void* object) const = 0;
  /// Checks a value that was not bound from text; throws UserError.
  virtual void validate(const void* /*object*/, const std::string& /*path*/) const {}

  /// What may be written, for messages and docs: `a whole number`, `a duration (15 ns)`, `one of lru, plru`.
  virtual std::string allowed() const = 0;
  /// The words to choose from, if the type is a choice.
  virtual std::vector<std::string> choices() const { return {}; }
  /// The JSON Schema of the type, as JSON text.
  virtual std::string json_schema() const = 0;

  /// What the user wrote as a number; nothing for `none` and for types that are no numbers. Throws UserError as bind().
  virtual std::optional<ConfigNumber> number(const ConfigNode& /*node*/, const std::string& /*path*/) const {
    return std::nullopt;
  }
  /// The value of this type that is nearest to a number in a unit that number() gave, as it is written.
  virtual ConfigNode nearest(const ConfigNumber& number) const;

  /// The struct inside: of the type itself, or of the items of a list or an optional part.
  virtual const ConfigInfo* info() const { return nullptr; }
  virtual bool is_list() const { return false; }
};

struct ConfigField {
  std::string name;
  std::string meaning;  ///< one line
  std::shared_ptr<const ConfigType> type;
  std::function<void*(void*)> member;  ///< address of this member in the struct
  bool required = false;
};

/// A rule between the members of one struct that a value breaks.
struct ConfigProblem {
  std::string field;  ///< the member to point at; empty: the struct as a whole
  std::string problem;
  std::string allowed;
};

class ConfigInfo {
 public:
  using Check = std::function<std::optional<ConfigProblem>(const void*)>;

  std::string name;     ///< what the struct configures, in a word or two
  std::string meaning;  ///< one line
  std::vector<ConfigField> fields;
  std::vector<Check> checks;
  std::function<void(const ConfigNode&, void*)> prepare;  ///< sets defaults that depend on what is written (presets)
  std::shared_ptr<const void> defaults;                   ///< a default-constructed struct

  const ConfigField* find(std::string_view field) const;

  void bind(const ConfigNode& node, const std::string& path, void* object) const;
  void validate(const void* object, const std::string& path) const;
  ConfigNode to_node(const void* object) const;

 private:
  void run_checks(const void* object, const std::string& path, const ConfigNode* node) const;
};

/// Fills `config` from what the user wrote; throws UserError on the first mistake.
template <class Config>
void bind_config(const ConfigNode& node, Config& config) {
  Config::config_info().bind(node, "", &config);
}

/// Checks ranges and rules of a config made by a program; throws UserError.
template <class Config>
const Config& validated(const Config& config, const std::string& path = {}) {
  Config::config_info().validate(&config, path);
  return config;
}

template <class Config>
ConfigNode to_node(const Config& config) {
  return Config::config_info().to_node(&config);
}

/// The struct and field that a dotted path names; list items may be left out (`cpus.mmu`) or numbered
/// (`cpus.0.mmu`). Throws UserError naming `where`.
struct ConfigTarget {
  const ConfigInfo* info = nullptr;    ///< set if the path ends at a struct
  const ConfigField* field = nullptr;  ///< the last field of the path; null for the root
};
ConfigTarget find_config(const ConfigInfo& root, std::string_view path, const SourceLocation& where = {});

/// A table of the members of what `path` names, for the terminal.
std::string describe_config(const ConfigInfo& root, std::string_view path);
/// The whole reference in Markdown, one section per struct.
std::string config_reference(const ConfigInfo& root);
/// The JSON Schema (draft 2020-12) for editors.
std::string config_json_schema(const ConfigInfo& root, const std::string& title);

}  // namespace pagoda
