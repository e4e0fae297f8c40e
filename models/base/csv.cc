#include "pagoda/base/csv.h"

#include <algorithm>

namespace pagoda {

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// The field whose opening quote is next, without its quotes.
std::string CsvReader::quoted_field() {
  std::string field;
  rest_.remove_prefix(1);
  while (true) {
    const std::size_t quote = rest_.find('"');
    if (quote == std::string_view::npos) throw UserError(where(), "a quote that is never closed");
    field += rest_.substr(0, quote);
    rest_.remove_prefix(quote + 1);
    if (!rest_.starts_with('"')) break;
    field += '"';
    rest_.remove_prefix(1);
  }
  for (const char c : field) next_line_ += c == '\n' ? 1 : 0;
  if (!rest_.empty() && rest_.find_first_of(",\r\n") != 0) throw UserError(where(), "text after a closing quote");
  return field;
}

bool CsvReader::next(std::vector<std::string>& fields) {
  fields.clear();
  if (rest_.empty()) return false;
  line_ = next_line_;
  while (true) {
    if (rest_.starts_with('"')) {
      fields.push_back(quoted_field());
    } else {
      const std::size_t end = std::min(rest_.find_first_of(",\r\n"), rest_.size());
      fields.emplace_back(rest_.substr(0, end));
      rest_.remove_prefix(end);
    }
    if (!rest_.starts_with(',')) break;
    rest_.remove_prefix(1);
  }
  if (rest_.starts_with('\r')) rest_.remove_prefix(1);
  if (rest_.starts_with('\n')) rest_.remove_prefix(1);
  ++next_line_;
  return true;
}

}  // namespace pagoda
