#include "platforms/loader.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

const SourceLocation kCommandLine{"--set", 0};

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

void apply_change(ConfigNode& root, const ConfigMember& change) {
  set_path(root, change.key, change.value, change.where);
}

void apply_variant(ConfigNode& root, const std::string& name) {
  std::vector<std::string> names;
  if (const ConfigNode* variants = root.find("variants")) {
    for (const ConfigNode& variant : variants->items) {
      const ConfigNode* own_name = variant.find("name");
      if (own_name == nullptr) continue;
      names.push_back(own_name->scalar);
      if (own_name->scalar != name) continue;
      const ConfigNode* set = variant.find("set");
      if (set == nullptr) return;
      const ConfigNode changes = *set;  // the tree that it is part of is about to change
      for (const ConfigMember& change : changes.members) apply_change(root, change);
      return;
    }
  }
  throw UserError(root.where, "variants", fmt::format("there is no variant `{}`{}", name, did_you_mean(name, names)),
                  names.empty() ? "the platform has none" : fmt::format("allowed: {}", fmt::join(names, ", ")));
}

// A trace is looked for beside the file that names it (the platform's, or that of a sweep), from the current folder if it
// was named on the command line, beside the platform file, and among the shipped ones.
void resolve_trace(ConfigNode& trace, const fs::path& platform_folder, const std::string& path) {
  if (trace.kind != ConfigNode::Kind::scalar || trace.scalar.empty()) return;
  const fs::path named = trace.scalar;
  std::vector<fs::path> candidates;
  if (trace.where.file == kCommandLine.file) {
    candidates.push_back(fs::absolute(named));
  } else if (const fs::path naming = fs::absolute(trace.where.file).parent_path(); naming != platform_folder) {
    candidates.push_back(naming / named);
  }
  candidates.push_back(platform_folder / named);
  for (const std::string& folder : data_folders()) candidates.push_back(fs::path(folder) / "traces" / named);
  for (const fs::path& candidate : candidates) {
    if (is_file(candidate)) {
      trace.scalar = fs::weakly_canonical(candidate).string();
      return;
    }
  }
  std::vector<std::string> folders;
  for (const fs::path& candidate : candidates) folders.push_back(candidate.parent_path().string());
  throw UserError(trace.where, path, fmt::format("there is no trace `{}`", trace.scalar),
                  fmt::format("looked in {}", fmt::join(folders, ", ")));
}

void resolve_traces(ConfigNode& root, const fs::path& platform_folder) {
  ConfigNode* cpus = root.find("cpus");
  if (cpus == nullptr) return;
  for (std::size_t i = 0; i < cpus->items.size(); ++i) {
    const auto resolve = [&](ConfigNode* workload, const std::string& path) {
      ConfigNode* trace = workload == nullptr ? nullptr : workload->find("trace");
      if (trace != nullptr) resolve_trace(*trace, platform_folder, fmt::format("cpus.{}.{}.trace", i, path));
    };
    resolve(cpus->items[i].find("workload"), "workload");
    ConfigNode* workloads = cpus->items[i].find("workloads");
    for (std::size_t k = 0; workloads != nullptr && k < workloads->items.size(); ++k) {
      resolve(&workloads->items[k], fmt::format("workloads.{}", k));
    }
  }
}

fs::path program_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path{} : program.parent_path();
}

void limit(PlatformConfig& config, const std::string& text) {
  std::uint64_t records = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), records);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw UserError({"--limit", 0}, "limit", fmt::format("`{}` cannot be read", text),
                    "allowed: a whole number, 0 (no limit) or more");
  }
  for (CpuConfig& cpu : config.cpus) {
    cpu.workload.limit = records;
    for (WorkloadConfig& workload : cpu.workloads) workload.limit = records;
  }
  for (DeviceConfig& device : config.io.devices) device.limit = records;
}

}  // namespace

ConfigMember parse_change(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UserError(kCommandLine, text, "is no change", "write PATH=VALUE, for example cpus.mmu.dtlb.entries=128");
  }
  ConfigNode value = parse_yaml(text.substr(equals + 1), kCommandLine.file);
  value.where = kCommandLine;
  return {text.substr(0, equals), kCommandLine, std::move(value)};
}

PlatformConfig configure_platform(ConfigNode root, const std::string& file, const PlatformRequest& request) {
  if (!request.variant.empty()) apply_variant(root, request.variant);
  for (const std::string& set : request.sets) apply_change(root, parse_change(set));
  for (const ConfigMember& change : request.changes) apply_change(root, change);
  if (!request.trace.empty()) {
    ConfigNode workload = ConfigNode::of_map(kCommandLine);
    workload.add("trace", ConfigNode::of_scalar(request.trace, kCommandLine));
    set_path(root, "cpus.*.workload", workload, kCommandLine);
    ConfigNode* cpus = root.find("cpus");
    for (std::size_t i = 0; cpus != nullptr && i < cpus->items.size(); ++i) {
      if (ConfigNode* workloads = cpus->items[i].find("workloads")) workloads->items.clear();
    }
  }
  resolve_traces(root, fs::absolute(file).parent_path());
  PlatformConfig config;
  bind_config(root, config);
  if (!request.limit.empty()) limit(config, request.limit);
  return config;
}

std::vector<std::string> data_folders() {
  std::vector<std::string> folders;
  for (const fs::path& folder : {program_folder().parent_path() / "share" / "pagoda", fs::path(PAGODA_DATA_DIR)}) {
    std::error_code ignored;
    if (fs::is_directory(folder / "platforms", ignored)) folders.push_back(folder.string());
  }
  return folders;
}

std::vector<ShippedPlatform> shipped_platforms() {
  std::vector<ShippedPlatform> found;
  for (const std::string& folder : data_folders()) {
    for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(folder) / "platforms")) {
      if (entry.path().extension() == ".yaml") found.push_back({entry.path().stem().string(), entry.path().string()});
    }
    if (!found.empty()) break;
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return found;
}

std::string find_platform(const std::string& name_or_path) {
  if (is_file(name_or_path)) return name_or_path;
  std::vector<std::string> names;
  for (const ShippedPlatform& platform : shipped_platforms()) {
    if (platform.name == name_or_path) return platform.file;
    names.push_back(platform.name);
  }
  throw UserError(fmt::format("there is no platform `{}`{}; give a YAML file or one of {}", name_or_path,
                              did_you_mean(name_or_path, names), fmt::join(names, ", ")));
}

PlatformConfig load_platform(const PlatformRequest& request) {
  const std::string file = find_platform(request.platform);
  return configure_platform(parse_yaml_file(file), file, request);
}

PlatformConfig parse_platform(std::string_view text, const std::string& file, const PlatformRequest& request) {
  return configure_platform(parse_yaml(text, file), file, request);
}

}  // namespace pagoda
