// The results of a sweep as one table: results.csv and results.json.
//
// They hold nothing that depends on the host or on the order in which points were run. Of each point, only the chosen
// statistics are kept, as the text that its run wrote. Errors: UserError if a point's results cannot be read.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sc_main/sweep/plan.h"
#include "sc_main/sweep/point_record.h"
#include "sc_main/sweep/sweep_folder.h"

namespace pagoda {

/// Which statistics are collected, in columns ordered by pattern, then by the first point that has them.
class StatisticColumns {
 public:
  /// Names or patterns; none: every statistic.
  explicit StatisticColumns(const std::vector<std::string>& patterns);

  struct Column {
    std::string name;
    std::string unit;
    std::string description;
    std::size_t pattern = 0;
  };

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// The column of a line of stats.csv (name,value,unit,description), or kNone. New columns come last.
  std::size_t column_of(std::string_view name, std::string_view unit, std::string_view description);
  const std::vector<Column>& columns() const { return columns_; }
  /// The columns as they are shown: numbers into columns().
  std::vector<std::size_t> order() const;

 private:
  std::vector<std::string> patterns_;
  std::vector<Column> columns_;
  std::map<std::string, std::size_t, std::less<>> known_;  // by name; kNone of those that are left out
};

/// Counts of points by what became of them.
struct SweepOutcome {
  std::size_t done = 0;
  std::size_t failed = 0;
  std::size_t lost = 0;
  std::size_t missing = 0;
  std::size_t violated = 0;  ///< of the failed: an invariant was
};

/// Reads every point of the folder and writes both files into it.
SweepOutcome write_results(const SweepPlan& plan, const SweepFolder& folder);

}  // namespace pagoda
