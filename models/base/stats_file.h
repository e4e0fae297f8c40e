// The files that a run leaves its statistics in, read back: stats.csv and distributions.csv (stats.h writes them).
//
// Errors: UserError with file and line where a text is not one of these.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pagoda {

struct StatLine {
  std::string name;  ///< dotted path
  double value = 0;  ///< NaN: none, as the mean of nothing
  std::string unit;
  std::string description;
};
/// The lines of stats.csv; `file` is its name in messages.
std::vector<StatLine> parse_stats_csv(std::string_view text, const std::string& file);

struct DistributionLine {
  std::string name;
  std::string unit;
  double count = 0;
  std::vector<double> quantiles;  ///< at each of kQuantileFractions
};
/// The lines of distributions.csv.
std::vector<DistributionLine> parse_distributions_csv(std::string_view text, const std::string& file);

/// The number that is all of `text`; false if it is none.
bool parse_number(std::string_view text, double& value);

}  // namespace pagoda
