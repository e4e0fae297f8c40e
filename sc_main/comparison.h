// The variants of a platform side by side: each statistic with its ratio to the baseline's.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sc_main/report/headline.h"

namespace pagoda {

/// The statistics that say most: of every kind of platform, and the few of each kind.
report::Headlines headlines();

class Comparison {
 public:
  /// The first variant added is the baseline. `stats_csv` is the file a run wrote. Throws UserError if it cannot be
  /// read.
  void add(const std::string& variant, const std::filesystem::path& stats_csv);

  std::string json(const std::string& platform) const;
  std::string csv() const;
  /// The statistics that say most, for the terminal.
  std::string table() const;

 private:
  struct Statistic {
    std::string name;
    std::string unit;
    std::vector<double> values;  // by variant; NaN where a variant has no such statistic
  };

  std::string table_by_variant() const;
  std::string table_by_statistic() const;
  const Statistic* find(const std::string& headline) const;
  // Value over the baseline's; NaN if that is 0 or missing.
  static double ratio_of(const Statistic& statistic, std::size_t variant);

  std::vector<std::string> variants_;
  std::vector<Statistic> statistics_;
};

}  // namespace pagoda
