// Charts whose rows lie below each other: bars, bars of parts, percentiles.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "sc_main/report/script.h"

namespace pagoda::report {
namespace {

// For the number behind the longest bar.
constexpr double kNumberRoom = 0.1;

// Rows of bars take as much height as they need.
int rows_height(std::size_t rows, std::size_t bars_each) {
  constexpr std::size_t kFew = 8;  // bars that leave room for thicker ones
  constexpr int kRowGap = 12;
  constexpr int kAround = 80;
  const int bar = rows * bars_each <= kFew ? 26 : 17;
  return kAround + static_cast<int>(rows) * (static_cast<int>(bars_each) * bar + kRowGap);
}

}  // namespace

std::string draw(const BarChart& chart, const std::string& output) {
  Script script(output, rows_height(chart.rows.size(), chart.series.size()) +
                            (chart.series.size() > 1 ? key_height(chart.series) : 0));
  std::vector<double> values = all_y(chart.series);
  if (chart.reference) values.push_back(*chart.reference);
  Axis axis = chart.value;
  axis.from_zero = !axis.log;
  script.axis('x', axis, values, kNumberRoom);
  script.rows(chart.rows);
  if (chart.series.size() == 1) script.line("unset key");
  if (chart.reference) {
    const std::string at = plot_number(*chart.reference / axis.divisor);
    script.line("set arrow from {},graph 0 to {},graph 1 nohead dashtype 2 linecolor rgb '#444444' front", at, at);
  }
  const double bar = 0.8 / static_cast<double>(chart.series.size());
  const std::string from = axis.log ? "1e-300" : "0";
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    const double offset = -0.4 + (static_cast<double>(i) + 0.5) * bar;
    const auto print = [&](const ChartPoint& p) {
      return fmt::format("{} {} {} {} \"{}\" {}", plot_number(p.x + offset), plot_number(p.y / axis.divisor),
                         plot_number(p.low / axis.divisor), plot_number(p.high / axis.divisor),
                         short_number(p.y / axis.divisor), plot_number(std::fmax(p.y, p.high) / axis.divisor));
    };
    const std::string data = script.data(series.points, print);
    const auto solid = fmt::format("fillstyle solid 0.85 noborder linecolor rgb '{}' {}", series_colour(i),
                                   chart.series.size() == 1 ? "notitle" : key_title(series));
    parts.push_back(fmt::format("{} using 2:1:({}):2:($1-{:.3f}):($1+{:.3f}) with boxxyerror {}", data, from,
                                bar * 0.45, bar * 0.45, solid));
    if (has_spread(series)) {
      parts.push_back(
          fmt::format("{} using 2:1:3:4 with xerrorbars linewidth 1 pointtype 0 linecolor rgb '#222222' notitle",
                      script.data(with_spread(series), print)));
    }
    parts.push_back(data +
                    " using 6:1:5 with labels left offset character 0.5,0 font ',12' textcolor rgb '#222222' notitle");
  }
  script.plot(parts);
  return script.text();
}

std::string draw(const StackChart& chart, const std::string& output) {
  Script script(output, rows_height(chart.rows.size(), 1) + key_height(chart.parts));
  std::vector<double> sums(chart.rows.size(), 0.0);
  for (const Series& part : chart.parts) {
    for (const ChartPoint& point : part.points) sums[static_cast<std::size_t>(point.x)] += point.y;
  }
  Axis axis = chart.value;
  axis.log = false;
  axis.from_zero = true;
  script.axis('x', axis, sums, kNumberRoom);
  script.rows(chart.rows);
  std::vector<double> begun(chart.rows.size(), 0.0);
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < chart.parts.size(); ++i) {
    const std::string data = script.data(chart.parts[i].points, [&](const ChartPoint& p) {
      double& from = begun[static_cast<std::size_t>(p.x)];
      const double to = from + p.y;
      const std::string row =
          fmt::format("{} {} {}", plot_number(p.x), plot_number(from / axis.divisor), plot_number(to / axis.divisor));
      from = to;
      return row;
    });
    parts.push_back(
        fmt::format("{} using 3:1:2:3:($1-0.36):($1+0.36) with boxxyerror fillstyle solid 0.85 border rgb 'white' "
                    "linecolor rgb '{}' {}",
                    data, series_colour(i), key_title(chart.parts[i])));
  }
  std::vector<std::size_t> rows(chart.rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  const std::string totals = script.data(rows, [&](std::size_t row) {
    return fmt::format("{} {} \"{}\"", row, plot_number(sums[row] / axis.divisor),
                       short_number(sums[row] / axis.divisor));
  });
  parts.push_back(fmt::format(
      "{} using 2:1:3 with labels left offset character 0.5,0 font ',12' textcolor rgb '#222222' notitle", totals));
  script.plot(parts);
  return script.text();
}

std::string draw(const PercentileChart& chart, const std::string& output) {
  Script script(output, rows_height(chart.rows.size(), 1) + kTextHeight);
  std::vector<double> values;
  std::vector<std::string> labels;
  for (const PercentileChart::Row& row : chart.rows) {
    values.insert(values.end(), {row.min, row.p50, row.p95, row.p99, row.max, row.mean});
    labels.push_back(row.label);
  }
  script.axis('x', chart.value, values);
  script.rows(labels);
  std::size_t index = 0;
  const std::string data = script.data(chart.rows, [&](const PercentileChart::Row& row) {
    std::string text = fmt::format("{}", index++);
    for (const double value : {row.min, row.p50, row.p95, row.p99, row.max, row.mean}) {
      text += " " + plot_number(value / chart.value.divisor);
    }
    return text;
  });
  const auto bar = [&](int from, int to, double half, const char* fill, const char* title) {
    return fmt::format(
        "{} using {}:1:{}:{}:($1-{}):($1+{}) with boxxyerror fillstyle solid 1.0 noborder linecolor rgb '{}' title "
        "'{}'",
        data, to, from, to, half, half, fill, title);
  };
  script.plot({bar(2, 6, 0.05, "#999999", "range"), bar(2, 5, 0.16, "#9ecae1", "p99"),
               bar(2, 4, 0.24, "#56a0ce", "p95"), bar(2, 3, 0.32, "#0072b2", "p50"),
               data + " using 7:1 with points pointtype 13 pointsize 0.9 linecolor rgb '#d55e00' title 'mean'"});
  return script.text();
}

}  // namespace pagoda::report
