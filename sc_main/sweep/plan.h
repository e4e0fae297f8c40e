// The points of a sweep: which platform, variant, values and seed each of them has.
//
// Points are numbered with repeats fastest, then the axes (of a grid the last one fastest), then variants, then
// platforms. A plan holds no list of them: a point is worked out from its number.
// Errors: UserError with file and line, before anything runs.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "platforms/platform_config.h"
#include "sc_main/sweep/parameter.h"
#include "sc_main/sweep/sampling.h"
#include "sc_main/sweep/sweep_config.h"

namespace pagoda {

/// A file that was read: its name in messages, where traces are looked for beside, and its text.
struct SourceFile {
  std::string file;
  std::string text;
};

/// All that a plan is made from.
struct SweepSources {
  SourceFile sweep;
  std::vector<SourceFile> platforms;
  std::vector<std::string> sets;  ///< PATH=VALUE of the command line, after the sweep's own changes, before its axes
  std::string limit;              ///< of the command line; empty: the sweep's own
};

/// The sweep file of that name or path, shipped (platforms/sweeps) or the user's, and the platforms that it names.
SweepSources read_sources(const std::string& name_or_path);

struct Point {
  std::size_t number = 0;
  std::size_t platform = 0;
  std::size_t variant = 0;  ///< of those that the sweep takes of the platform
  std::size_t sample = 0;
  std::uint32_t repeat = 0;
};

class SweepPlan {
 public:
  explicit SweepPlan(SweepSources sources);

  struct PlatformEntry {
    std::string name;
    std::string description;
    std::vector<VariantConfig> variants;  ///< one without a name: the platform as it is
    std::string file;
    ConfigNode root;
  };

  const SweepConfig& config() const { return config_; }
  const SweepSources& sources() const { return sources_; }
  const std::vector<PlatformEntry>& platforms() const { return platforms_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// The axis that a parameter belongs to; those of one axis vary together.
  std::size_t axis_of(std::size_t parameter) const { return axis_of_[parameter]; }
  /// Where a key of the sweep file stands, or an item of its list; the file if it is not written.
  SourceLocation where(const std::string& key, std::size_t item = kWhole) const;
  static constexpr std::size_t kWhole = static_cast<std::size_t>(-1);

  /// UserError if they are more than a computer can count.
  std::size_t size() const { return size_; }
  Point point(std::size_t number) const;
  const std::string& variant_name(const Point& point) const {
    return platforms_[point.platform].variants[point.variant].name;
  }
  /// The value of each parameter.
  std::vector<ConfigNode> values(const Point& point) const;
  /// `entries=64, ways=4`, for messages and lines of progress.
  std::string label(const Point& point) const;

  /// The platform as the point runs it. UserError with the file and line, and the point, of what the platform refuses.
  PlatformConfig resolve(const Point& point) const;

  /// Resolves every point, and returns the traces that they read. `progress` is called with how many are done.
  std::set<std::string> check(const std::function<void(std::size_t)>& progress = {}) const;

 private:
  void add_platforms(const ConfigNode& node);
  void choose_variants(const ConfigNode& node);
  void add_axes(const ConfigNode& node);
  void add_axis(const AxisConfig& axis, const ConfigNode& node, const std::string& position, std::size_t number);
  void refuse_double_names() const;
  void sample(const ConfigNode& node);
  std::size_t choice(std::size_t sample, std::size_t axis) const;

  SweepSources sources_;
  SweepConfig config_;
  ConfigNode root_;
  std::vector<ConfigMember> changes_;  // of every point
  std::vector<PlatformEntry> platforms_;
  std::vector<Parameter> parameters_;
  std::vector<std::size_t> axis_of_;     // by parameter
  std::vector<std::size_t> axis_sizes_;  // values of each axis; 0 for any
  Samples samples_;
  std::size_t sample_count_ = 1;
  std::size_t combinations_ = 0;  // of platform and variant
  std::size_t size_ = 0;
};

}  // namespace pagoda
