#include "sc_main/sweep/plan.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "platforms/loader.h"
#include "sc_main/sweep/files.h"
#include "sc_main/sweep/glob.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

// Columns of the results that no axis may be called.
const std::vector<std::string> kColumns{"point", "platform", "variant", "repeat", "seed", "status", "reason"};

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

SourceFile read_source(const std::string& path) {
  if (!is_file(path)) throw UserError({path, 0}, "cannot be read; give the path of a YAML file");
  return {fs::absolute(path).lexically_normal().string(), required_text_of(path)};
}

std::string find_sweep(const std::string& name_or_path) {
  if (is_file(name_or_path)) return name_or_path;
  std::vector<std::string> names;
  for (const std::string& folder : data_folders()) {
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(folder) / "platforms" / "sweeps", none)) {
      if (entry.path().extension() != ".yaml") continue;
      if (entry.path().stem() == name_or_path) return entry.path().string();
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  throw UserError(fmt::format("there is no sweep `{}`{}; give a YAML file{}", name_or_path,
                              did_you_mean(name_or_path, names),
                              names.empty() ? "" : fmt::format(" or one of {}", fmt::join(names, ", "))));
}

SweepConfig bound(const ConfigNode& root) {
  SweepConfig config;
  bind_config(root, config);
  return config;
}

// The platforms that a sweep names, and where.
std::vector<ConfigNode> platform_nodes(const ConfigNode& root) {
  if (const ConfigNode* list = root.find("platforms")) return list->items;
  return {*root.find("platform")};
}

std::size_t multiplied(std::size_t a, std::size_t b, const SourceLocation& where) {
  if (b != 0 && a > std::numeric_limits<std::size_t>::max() / b) {
    throw UserError(where, "axes", "more points than can be counted", "allowed: fewer values, or a sampling");
  }
  return a * b;
}

SourceLocation where_of(const ConfigNode& node, std::string_view key) {
  const ConfigNode* found = node.find(key);
  return found == nullptr ? node.where : found->where;
}

}  // namespace

SweepSources read_sources(const std::string& name_or_path) {
  SweepSources sources;
  sources.sweep = read_source(find_sweep(name_or_path));
  const ConfigNode root = parse_yaml(sources.sweep.text, sources.sweep.file);
  bound(root);
  const fs::path folder = fs::path(sources.sweep.file).parent_path();
  for (const ConfigNode& platform : platform_nodes(root)) {
    const fs::path beside = folder / platform.scalar;
    try {
      sources.platforms.push_back(read_source(is_file(beside) ? beside.string() : find_platform(platform.scalar)));
    } catch (const UserError& error) {
      throw UserError(platform.where, error.what());
    }
  }
  return sources;
}

SweepPlan::SweepPlan(SweepSources sources)
    : sources_(std::move(sources)), root_(parse_yaml(sources_.sweep.text, sources_.sweep.file)) {
  config_ = bound(root_);
  changes_ = config_.set.members;
  for (const std::string& set : sources_.sets) changes_.push_back(parse_change(set));
  add_platforms(root_);
  choose_variants(root_);
  add_axes(root_);
  sample(root_);
  size_ = multiplied(multiplied(combinations_, sample_count_, root_.where), config_.repeats, root_.where);
}

void SweepPlan::add_platforms(const ConfigNode& node) {
  const std::vector<ConfigNode> nodes = platform_nodes(node);
  if (nodes.size() != sources_.platforms.size()) {
    throw UserError(node.where, "platforms", "there are not as many platform files as platforms", "");
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const SourceFile& source = sources_.platforms[i];
    PlatformEntry entry;
    entry.file = source.file;
    entry.root = parse_yaml(source.text, source.file);
    const PlatformConfig config = configure_platform(entry.root, entry.file, {});
    entry.name = config.name;
    entry.description = config.description;
    entry.variants = config.variants;
    for (const PlatformEntry& other : platforms_) {
      if (other.name != entry.name) continue;
      throw UserError(nodes[i].where, fmt::format("platforms.{}", i),
                      fmt::format("there is another platform named `{}`", entry.name), "allowed: names that differ");
    }
    platforms_.push_back(std::move(entry));
  }
}

void SweepPlan::choose_variants(const ConfigNode& node) {
  const ConfigNode* patterns = node.find("variants");
  std::vector<bool> used(config_.variants.size(), false);
  std::vector<std::string> names;
  for (PlatformEntry& platform : platforms_) {
    std::vector<VariantConfig> chosen;
    for (std::size_t i = 0; i < config_.variants.size(); ++i) {
      for (const VariantConfig& variant : platform.variants) {
        names.push_back(variant.name);
        if (!glob_matches(config_.variants[i], variant.name)) continue;
        used[i] = true;
        const bool again = std::any_of(chosen.begin(), chosen.end(),
                                       [&](const VariantConfig& other) { return other.name == variant.name; });
        if (!again) chosen.push_back(variant);
      }
    }
    if (config_.variants.empty()) {
      chosen.push_back({.name = "", .description = platform.description, .set = {}});
    } else if (chosen.empty()) {
      names.clear();
      for (const VariantConfig& variant : platform.variants) names.push_back(variant.name);
      throw UserError(
          patterns->where, "variants",
          fmt::format("{} has none of these{}", platform.name, did_you_mean(config_.variants.front(), names)),
          names.empty() ? "it has no variants" : fmt::format("allowed: {}", fmt::join(names, ", ")));
    }
    platform.variants = std::move(chosen);
    combinations_ += platform.variants.size();
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i]) continue;
    throw UserError(
        patterns->items[i].where, fmt::format("variants.{}", i),
        fmt::format("there is no variant `{}`{}", config_.variants[i], did_you_mean(config_.variants[i], names)),
        fmt::format("allowed: {}", fmt::join(names, ", ")));
  }
}

void SweepPlan::add_axes(const ConfigNode& node) {
  const ConfigNode* list = node.find("axes");
  for (std::size_t i = 0; i < config_.axes.size(); ++i) {
    const AxisConfig& axis = config_.axes[i];
    const ConfigNode& written = list->items[i];
    const std::string position = fmt::format("axes.{}", i);
    axis_sizes_.push_back(0);
    if (axis.together.empty()) {
      add_axis(axis, written, position, i);
      axis_sizes_[i] = parameters_.back().size();
    }
    for (std::size_t j = 0; j < axis.together.size(); ++j) {
      const ConfigNode& part = written.find("together")->items[j];
      if (!axis.together[j].together.empty()) {
        throw UserError(part.where, position, "axes that vary together hold others", "allowed: one level of them");
      }
      add_axis(axis.together[j], part, fmt::format("{}.together.{}", position, j), i);
      const std::size_t length = parameters_.back().size();
      if (j == 0) axis_sizes_[i] = length;
      if (length != axis_sizes_[i]) {
        throw UserError(part.where, fmt::format("{}.together.{}", position, j),
                        fmt::format("has {} values, and the first one beside it {}", length, axis_sizes_[i]),
                        "allowed: equally many");
      }
    }
  }
  refuse_double_names();
}

void SweepPlan::add_axis(const AxisConfig& axis, const ConfigNode& node, const std::string& position,
                         std::size_t number) {
  parameters_.emplace_back(axis, node, position);
  axis_of_.push_back(number);
}

void SweepPlan::refuse_double_names() const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = parameters_[i];
    if (std::find(kColumns.begin(), kColumns.end(), parameter.name()) != kColumns.end()) {
      throw UserError(parameter.where(), "name", fmt::format("`{}` is a column of every sweep", parameter.name()),
                      "allowed: another name");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (parameters_[j].path() == parameter.path()) {
        throw UserError(parameter.where(), "path", fmt::format("`{}` is varied twice", parameter.path()),
                        "allowed: paths that differ");
      }
      if (parameters_[j].name() == parameter.name()) {
        throw UserError(parameter.where(), "name", fmt::format("two axes are called `{}`", parameter.name()),
                        "allowed: names that differ");
      }
    }
  }
}

void SweepPlan::sample(const ConfigNode& node) {
  if (config_.sampling.kind != SamplingKind::grid) {
    // They are kept: 160 MB.
    constexpr std::size_t kMostCoordinates = 20'000'000;
    sample_count_ = config_.sampling.points;
    if (multiplied(sample_count_, axis_sizes_.size(), where_of(node, "sampling")) > kMostCoordinates) {
      throw UserError(where_of(node, "sampling"), "sampling.points", "too many",
                      fmt::format("allowed: points times axes up to {}", kMostCoordinates));
    }
    if (axis_sizes_.empty()) {
      throw UserError(where_of(node, "sampling"), "sampling", "there is nothing to sample", "allowed: with axes");
    }
    samples_ = Samples(config_.sampling.kind, sample_count_, axis_sizes_.size(), config_.sampling.seed);
    return;
  }
  for (std::size_t i = 0; i < axis_sizes_.size(); ++i) {
    if (axis_sizes_[i] == 0) {
      const ConfigNode& axis = node.find("axes")->items[i];
      throw UserError(axis.where, fmt::format("axes.{}.steps", i), "must be given for a grid",
                      "allowed: how many values, 2 or more, or another sampling");
    }
    sample_count_ = multiplied(sample_count_, axis_sizes_[i], where_of(node, "axes"));
  }
}

SourceLocation SweepPlan::where(const std::string& key, std::size_t item) const {
  const ConfigNode* found = root_.find(key);
  if (found == nullptr) return root_.where;
  return item < found->items.size() ? found->items[item].where : found->where;
}

Point SweepPlan::point(std::size_t number) const {
  Point point{.number = number};
  point.repeat = static_cast<std::uint32_t>(number % config_.repeats);
  point.sample = number / config_.repeats % sample_count_;
  std::size_t combination = number / config_.repeats / sample_count_;
  while (combination >= platforms_[point.platform].variants.size()) {
    combination -= platforms_[point.platform].variants.size();
    ++point.platform;
  }
  point.variant = combination;
  return point;
}

std::size_t SweepPlan::choice(std::size_t sample, std::size_t axis) const {
  for (std::size_t i = axis_sizes_.size() - 1; i > axis; --i) sample /= axis_sizes_[i];
  return sample % axis_sizes_[axis];
}

std::vector<ConfigNode> SweepPlan::values(const Point& point) const {
  std::vector<ConfigNode> values;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::size_t axis = axis_of_[i];
    if (config_.sampling.kind == SamplingKind::grid) {
      values.push_back(parameters_[i].value(choice(point.sample, axis)));
    } else {
      values.push_back(parameters_[i].value_at(samples_.at(point.sample, axis)));
    }
  }
  return values;
}

std::string SweepPlan::label(const Point& point) const {
  std::vector<std::string> parts;
  if (platforms_.size() > 1) parts.push_back("platform=" + platforms_[point.platform].name);
  if (!variant_name(point).empty()) parts.push_back("variant=" + variant_name(point));
  const std::vector<ConfigNode> own = values(point);
  for (std::size_t i = 0; i < own.size(); ++i) parts.push_back(parameters_[i].name() + "=" + one_line(own[i]));
  if (config_.repeats > 1) parts.push_back(fmt::format("repeat={}", point.repeat));
  return fmt::format("{}", fmt::join(parts, ", "));
}

PlatformConfig SweepPlan::resolve(const Point& point) const {
  const PlatformEntry& platform = platforms_[point.platform];
  PlatformRequest request;
  request.variant = variant_name(point);
  request.changes = changes_;
  const std::vector<ConfigNode> own = values(point);
  for (std::size_t i = 0; i < own.size(); ++i) {
    request.changes.push_back({parameters_[i].path(), parameters_[i].where(), own[i]});
  }
  request.limit = sources_.limit;
  if (request.limit.empty() && config_.limit > 0) request.limit = fmt::format("{}", config_.limit);
  try {
    PlatformConfig config = configure_platform(platform.root, platform.file, request);
    config.seed += point.repeat;
    return config;
  } catch (const UserError& error) {
    const std::string message = fmt::format("{} (point {}: {})", error.what(), point.number, label(point));
    // What stands in the platform file alone may be right: it does not go with what the sweep changes.
    if (message.starts_with(sources_.sweep.file)) throw UserError(message);
    throw UserError(where("axes"), message);
  }
}

std::set<std::string> SweepPlan::check(const std::function<void(std::size_t)>& progress) const {
  std::set<std::string> traces;
  // Repeats differ in nothing that could be refused.
  for (std::size_t number = 0; number < size_; number += config_.repeats) {
    const PlatformConfig config = resolve(point(number));
    for (const CpuConfig& cpu : config.cpus) {
      if (!cpu.workload.trace.empty()) traces.insert(cpu.workload.trace);
    }
    if (progress) progress(number);
  }
  return traces;
}

}  // namespace pagoda
