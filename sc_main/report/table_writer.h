// One table of a page, row by row. Texts are escaped here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sc_main/report/study.h"

namespace pagoda::report {

class TableWriter {
 public:
  struct Column {
    std::string title;
    bool numeric = false;
    std::string hint;  ///< what it means, shown when pointed at
  };

  /// A table whose columns' titles sort it, unless it is so small that there is nothing to sort.
  TableWriter(const std::vector<Column>& columns, bool sortable);

  void begin_row(std::string_view css_class = {});
  /// A text, sorted by `number` if it stands for one.
  void text(std::string_view text, double number = kMissing);
  /// A number, with what is shown behind it: its ratio to another.
  void number(double value, std::string_view behind = {});

  std::string finish();

 private:
  std::string out_;
  bool in_row_ = false;
};

/// A ratio as it stands behind a value: `×1.25`.
std::string ratio_text(double ratio);

}  // namespace pagoda::report
