#include "sc_main/report/table_writer.h"

#include <cmath>

#include <fmt/format.h>

#include "sc_main/report/axis.h"
#include "sc_main/report/text.h"

namespace pagoda::report {
namespace {

// A dotted name may go on in the next line after a dot or a line below.
std::string breakable(const std::string& name) {
  std::string text;
  for (const char c : html(name)) {
    text += c;
    if (c == '.' || c == '_') text += "<wbr>";
  }
  return text;
}

}  // namespace

TableWriter::TableWriter(const std::vector<Column>& columns, bool sortable) {
  out_ = fmt::format("<div class=\"scroll\"><table{}><thead><tr>", sortable ? " class=\"sortable\"" : "");
  for (const Column& column : columns) {
    const std::string name = breakable(column.title);
    const std::string title = sortable ? fmt::format("<button type=\"button\">{}</button>", name) : name;
    const std::string hint = column.hint.empty() ? "" : fmt::format(" title=\"{}\"", html(column.hint));
    out_ += fmt::format("<th scope=\"col\"{}{}>{}</th>", column.numeric ? " class=\"n\"" : "", hint, title);
  }
  out_ += "</tr></thead>\n<tbody>";
  if (columns.empty()) out_ = "<div class=\"scroll\"><table><tbody>";
}

void TableWriter::begin_row(std::string_view css_class) {
  if (in_row_) out_ += "</tr>\n";
  out_ += css_class.empty() ? std::string("<tr>") : fmt::format("<tr class=\"{}\">", css_class);
  in_row_ = true;
}

void TableWriter::text(std::string_view text, double number) {
  constexpr std::size_t kLong = 40;  // characters that may take several lines
  if (!std::isnan(number)) {
    out_ += fmt::format("<td class=\"n\" data-v=\"{}\">{}</td>", number, html(text));
  } else {
    out_ += fmt::format("<td{}>{}</td>", text.size() > kLong ? " class=\"long\"" : "", html(text));
  }
}

void TableWriter::number(double value, std::string_view behind) {
  if (std::isnan(value)) {
    out_ += "<td class=\"n\"></td>";
    return;
  }
  out_ += fmt::format("<td class=\"n\" data-v=\"{}\">{}", value, table_number(value));
  if (!behind.empty()) out_ += fmt::format(" <span class=\"ratio\">{}</span>", html(behind));
  out_ += "</td>";
}

std::string TableWriter::finish() {
  if (in_row_) out_ += "</tr>\n";
  return out_ + "</tbody></table></div>\n";
}

std::string ratio_text(double ratio) { return std::isfinite(ratio) ? fmt::format("×{:.3g}", ratio) : ""; }

}  // namespace pagoda::report
