#include "pagoda/base/stats_file.h"

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "pagoda/base/csv.h"
#include "pagoda/base/stats.h"

namespace pagoda {
namespace {

// Reads the header, which has to begin with these columns and to have `columns` of them.
void read_header(CsvReader& reader, std::string_view begins, std::size_t columns, const std::string& file) {
  std::vector<std::string> fields;
  if (!reader.next(fields)) throw UserError({file, 0}, "is empty");
  if (fields.size() != columns || !fmt::format("{}", fmt::join(fields, ",")).starts_with(begins)) {
    throw UserError(reader.where(), fmt::format("is no header of these results; expected `{}`", begins));
  }
}

double number(const CsvReader& reader, const std::string& field) {
  double value = 0;
  if (!parse_number(field, value)) throw UserError(reader.where(), fmt::format("`{}` is no number", field));
  return value;
}

bool next_record(CsvReader& reader, std::size_t columns, std::vector<std::string>& fields) {
  if (!reader.next(fields)) return false;
  if (fields.size() != columns) {
    throw UserError(reader.where(), fmt::format("{} fields where {} are expected", fields.size(), columns));
  }
  return true;
}

}  // namespace

bool parse_number(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

std::vector<StatLine> parse_stats_csv(std::string_view text, const std::string& file) {
  constexpr std::size_t kColumns = 4;
  CsvReader reader(text, file);
  read_header(reader, "name,value,unit,description", kColumns, file);
  std::vector<StatLine> lines;
  std::vector<std::string> fields;
  while (next_record(reader, kColumns, fields)) {
    const double value = fields[1].empty() ? std::numeric_limits<double>::quiet_NaN() : number(reader, fields[1]);
    lines.push_back({fields[0], value, fields[2], fields[3]});
  }
  return lines;
}

std::vector<DistributionLine> parse_distributions_csv(std::string_view text, const std::string& file) {
  constexpr std::size_t kBeforeQuantiles = 3;
  constexpr std::size_t kColumns = kBeforeQuantiles + kQuantileFractions.size();
  CsvReader reader(text, file);
  read_header(reader, "name,unit,count,", kColumns, file);
  std::vector<DistributionLine> lines;
  std::vector<std::string> fields;
  while (next_record(reader, kColumns, fields)) {
    DistributionLine line{fields[0], fields[1], number(reader, fields[2]), {}};
    for (std::size_t i = kBeforeQuantiles; i < kColumns; ++i) line.quantiles.push_back(number(reader, fields[i]));
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace pagoda
