// A plain text table: columns as wide as their widest cell.
#pragma once

#include <string>
#include <vector>

namespace pagoda {

class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// The first column is left-aligned, the others right-aligned unless `text` says that they are text too.
  std::string print(bool text = false) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace pagoda
