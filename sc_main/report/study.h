// What a report is made of: points that were run, each with its settings and statistics.
//
// A run is a study of one point, a run with all variants one whose only parameter is the variant, a sweep one with as
// many parameters as it has axes. Points that differ in nothing but the seed are repeats of one design: a Cell.
#pragma once

#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace pagoda::report {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
inline constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

struct Statistic {
  std::string name;  ///< dotted path
  std::string unit;
  std::string description;
};

struct Parameter {
  std::string name;
  std::vector<std::string> values;  ///< as written, in the order in which the sweep has them
  std::string description;
  std::string unit;             ///< of the numbers
  std::vector<double> numbers;  ///< what the values say (numbers_of())
  std::size_t axis = kNone;     ///< of the sweep's file: parameters of one axis vary together

  /// The index of a value, which is added if it is new.
  std::size_t index_of(const std::string& value);
};

struct Point {
  std::string name;                   ///< of the run: the number of a point, the name of a variant
  std::vector<std::size_t> settings;  ///< by parameter, the index of its value
  std::vector<double> values;         ///< by statistic; NaN where the point has none
  std::string seed;
  std::filesystem::path folder;
  bool done = true;
  std::string outcome;  ///< what became of one that is not done, in a word
  std::string reason;   ///< why, from its log
};

/// One value over the repeats of a design.
struct Spread {
  std::size_t count = 0;
  double mean = kMissing;
  double min = kMissing;
  double max = kMissing;
  double deviation = 0;  ///< of the sample (n - 1)

  static Spread of(const std::vector<double>& values);
};

struct Cell {
  std::vector<std::size_t> settings;
  std::vector<std::size_t> points;  ///< those that are done
};

struct Fact {
  std::string name;
  std::string value;
};

/// A key of the platform in which variants differ, with the value that each has; empty where it has no such key.
struct Difference {
  std::string key;
  std::vector<std::string> values;  ///< by point
};

enum class StudyKind { run, variants, sweep };

/// What `pagoda report` plots if it is not told: names of statistics and parameters. A sweep file may say so.
struct Choice {
  std::string x;
  std::vector<std::string> y;
  std::vector<std::string> groups;
  std::vector<std::string> pareto;  ///< two, each with `min:` or `max:` before it where that is not plain
};

class Study {
 public:
  StudyKind kind = StudyKind::run;
  std::string title;
  std::string description;
  std::vector<Fact> facts;
  std::vector<Difference> differences;
  std::vector<Parameter> parameters;
  std::vector<Statistic> statistics;
  std::vector<Point> points;
  Choice choice;

  /// kNone if there is none of that name.
  std::size_t find_parameter(std::string_view name) const;
  std::size_t find_statistic(std::string_view name) const;
  /// The statistic's index; it is added, missing in all points, if it is new.
  std::size_t add_statistic(const Statistic& statistic);

  /// The designs, in the order of their first points. Those without a point that is done are left out.
  std::vector<Cell> cells() const;
  Spread spread(const Cell& cell, std::size_t statistic) const;
  /// Parameters with more than one value among the points.
  std::vector<std::size_t> varying() const;
  /// The settings of these parameters, in a few words: `nested, 64`.
  std::string label(const std::vector<std::size_t>& settings, const std::vector<std::size_t>& of) const;
  /// Whether some design ran more than once.
  bool repeated() const;
};

}  // namespace pagoda::report
