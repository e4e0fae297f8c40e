#include "sc_main/report/read_results.h"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "pagoda/base/config_node.h"
#include "pagoda/base/error.h"
#include "pagoda/base/stats_file.h"
#include "sc_main/report/files.h"

namespace pagoda::report {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Json read_json(const fs::path& file) { return parse_json(read_text(file), file.string()); }

// What a text or number of a JSON object says; nothing if it is not there.
std::string said(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

using Settings = std::map<std::string, std::string>;

void flatten(const ConfigNode& node, const std::string& path, Settings& settings) {
  const auto below = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  switch (node.kind) {
    case ConfigNode::Kind::null: settings[path] = "none"; break;
    case ConfigNode::Kind::scalar: settings[path] = node.scalar; break;
    case ConfigNode::Kind::sequence:
      if (node.items.empty()) settings[path] = "[]";
      for (std::size_t i = 0; i < node.items.size(); ++i) flatten(node.items[i], below(std::to_string(i)), settings);
      break;
    case ConfigNode::Kind::map:
      for (const ConfigMember& member : node.members) {
        // Variants are what a platform could be; what it is stands beside them.
        if (!path.empty() || member.key != "variants") flatten(member.value, below(member.key), settings);
      }
      break;
  }
}

struct RunPlatform {
  std::string description;
  std::map<std::string, std::string> variants;  ///< their descriptions
  Settings settings;
};

RunPlatform read_platform(const fs::path& file) {
  const ConfigNode root = parse_yaml_file(file.string());
  RunPlatform platform;
  if (const ConfigNode* description = root.find("description")) platform.description = description->scalar;
  if (const ConfigNode* variants = root.find("variants")) {
    for (const ConfigNode& variant : variants->items) {
      const ConfigNode* name = variant.find("name");
      const ConfigNode* description = variant.find("description");
      if (name != nullptr && description != nullptr) platform.variants[name->scalar] = description->scalar;
    }
  }
  flatten(root, "", platform.settings);
  return platform;
}

void add_statistics(Study& study, Point& point, const fs::path& folder) {
  const fs::path file = folder / "stats.csv";
  point.values.assign(study.statistics.size(), kMissing);
  for (const StatLine& line : parse_stats_csv(read_text(file), file.string())) {
    const std::size_t statistic = study.add_statistic({line.name, line.unit, line.description});
    point.values.resize(study.statistics.size(), kMissing);
    point.values[statistic] = line.value;
  }
}

void add_run_facts(Study& study, const Json& run) {
  for (const auto& [key, name] : {std::pair{"version", "Pagoda version"}, {"quantum", "quantum"}, {"seed", "seed"}}) {
    if (const std::string value = said(run, key); !value.empty()) study.facts.push_back({name, value});
  }
  if (const std::string line = said(run, "command_line"); !line.empty()) study.facts.push_back({"command", line});
}

Study read_run(const fs::path& folder) {
  const Json run = read_json(folder / "run.json");
  const RunPlatform platform = read_platform(folder / "platform.yaml");
  Study study;
  study.kind = StudyKind::run;
  study.title = said(run, "platform");
  study.description = platform.description;
  if (const std::string variant = said(run, "variant"); !variant.empty()) {
    study.facts.push_back({"variant", variant});
    const auto described = platform.variants.find(variant);
    if (described != platform.variants.end()) study.facts.back().value += ": " + described->second;
  }
  add_run_facts(study, run);
  if (const auto accesses = run.find("accesses"); accesses != run.end() && accesses->is_number()) {
    study.facts.push_back({"accesses simulated", accesses->dump()});
  }
  Point point;
  point.name = study.title;
  point.folder = folder;
  add_statistics(study, point, folder);
  study.points.push_back(std::move(point));
  return study;
}

// The settings in which variants differ from each other.
void add_differences(Study& study, const std::vector<Settings>& all) {
  std::map<std::string, bool> keys;
  for (const Settings& settings : all) {
    for (const auto& [key, value] : settings) keys[key] = true;
  }
  for (const auto& [key, ignored] : keys) {
    Difference difference{key, {}};
    for (const Settings& settings : all) {
      const auto found = settings.find(key);
      difference.values.push_back(found == settings.end() ? "" : found->second);
    }
    const auto& values = difference.values;
    if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) != values.end()) {
      study.differences.push_back(std::move(difference));
    }
  }
}

Study read_variants(const fs::path& folder) {
  const fs::path file = folder / "comparison.json";
  const Json comparison = read_json(file);
  const auto names = comparison.find("variants");
  if (names == comparison.end() || !names->is_array() || names->empty() ||
      !std::all_of(names->begin(), names->end(), [](const Json& name) { return name.is_string(); })) {
    throw UserError({file.string(), 0}, "names no variants");
  }
  Study study;
  study.kind = StudyKind::variants;
  study.title = said(comparison, "platform");
  study.parameters.push_back({.name = "variant"});
  std::vector<Settings> settings;
  for (const Json& name : *names) {
    Point point;
    point.name = name.get<std::string>();
    point.folder = folder / point.name;
    point.settings = {study.parameters[0].index_of(point.name)};
    RunPlatform platform = read_platform(point.folder / "platform.yaml");
    if (study.points.empty()) {
      study.description = platform.description;
      add_run_facts(study, read_json(point.folder / "run.json"));
      std::erase_if(study.facts, [](const Fact& fact) { return fact.name == "command"; });
    }
    study.facts.push_back({"variant " + point.name, platform.variants[point.name]});
    settings.push_back(std::move(platform.settings));
    add_statistics(study, point, point.folder);
    study.points.push_back(std::move(point));
  }
  for (Point& point : study.points) point.values.resize(study.statistics.size(), kMissing);
  add_differences(study, settings);
  return study;
}

}  // namespace

Study read_results(const fs::path& folder) {
  std::error_code ignored;
  const auto holds = [&](const char* file) { return fs::is_regular_file(folder / file, ignored); };
  if (!fs::is_directory(folder, ignored)) throw UserError({folder.string(), 0}, "is no folder");
  if (holds("results.json")) {
    const fs::path file = folder / "results.json";
    Study study = parse_sweep(read_text(file), file.string());
    for (Point& point : study.points) point.folder = folder / point.folder;
    return study;
  }
  if (holds("sweep.json")) {
    throw UserError({folder.string(), 0}, "the sweep has no results yet; go on with `pagoda sweep --resume`");
  }
  if (holds("comparison.json")) return read_variants(folder);
  if (holds("run.json")) return read_run(folder);
  throw UserError({folder.string(), 0}, "holds no results of `pagoda run` or `pagoda sweep`");
}

std::vector<DistributionLine> read_distributions(const fs::path& folder) {
  const fs::path file = folder / "distributions.csv";
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return {};
  return parse_distributions_csv(read_text(file), file.string());
}

}  // namespace pagoda::report
