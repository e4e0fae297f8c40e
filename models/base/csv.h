// Comma-separated values as RFC 4180 has them: fields in quotes may hold commas, quotes (doubled) and line ends.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pagoda/base/error.h"

namespace pagoda {

/// `text` as a field of a record: in quotes where it needs them.
std::string csv_field(std::string_view text);

/// Reads the records of a text one after the other. Records may end with LF or CR LF.
class CsvReader {
 public:
  /// Neither the text nor its `file`, a name for messages, is copied or opened.
  CsvReader(std::string_view text, std::string file) : rest_(text), file_(std::move(file)) {}

  /// False at the end of the text. Throws UserError at a quote that is never closed, or that text follows.
  bool next(std::vector<std::string>& fields);
  /// Where the record read last begins.
  SourceLocation where() const { return {file_, line_}; }

 private:
  std::string quoted_field();

  std::string_view rest_;
  std::string file_;
  int line_ = 0;
  int next_line_ = 1;
};

}  // namespace pagoda
