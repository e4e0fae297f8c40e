#include "sc_main/report/chart_script.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "sc_main/report/script.h"
#include "sc_main/report/text.h"

namespace pagoda::report {
namespace {

// Viridis (van der Walt and Smith, 2015): even to the eye, also in grey.
constexpr const char* kPalette =
    "(0 '#440154', 1 '#46327e', 2 '#365c8d', 3 '#277f8e', 4 '#1fa187', 5 '#4ac16d', 6 '#a0da39', 7 '#fde725')";

}  // namespace

std::string draw(const LineChart& chart, const std::string& output) {
  constexpr std::size_t kManyMarks = 300;
  Script script(output, kPlotHeight + key_height(chart.series));
  script.axis('x', chart.x, all_x(chart.series));
  script.axis('y', chart.y, all_y(chart.series));
  const auto print = [&](const ChartPoint& p) {
    return fmt::format("{} {} {} {}", plot_number(p.x / chart.x.divisor), plot_number(p.y / chart.y.divisor),
                       plot_number(p.low / chart.y.divisor), plot_number(p.high / chart.y.divisor));
  };
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const Series& series = chart.series[i];
    if (has_spread(series)) {
      parts.push_back(fmt::format("{} using 1:2:3:4 with yerrorbars linewidth 1 pointtype 0 linecolor rgb '{}' notitle",
                                  script.data(with_spread(series), print), series_colour(i)));
    }
    const char* marks = chart.curves ? "lines" : chart.scattered ? "points" : "linespoints";
    parts.push_back(
        fmt::format("{} using 1:2 with {} linewidth 2 dashtype {} pointtype {} pointsize {} linecolor rgb '{}' {}",
                    script.data(series.points, print), marks, series_dashes(i), series_shape(i),
                    series.points.size() > kManyMarks ? 0.25 : 0.7, series_colour(i), key_title(series)));
  }
  script.plot(parts);
  return script.text();
}

std::string draw(const HeatMap& chart, const std::string& output) {
  constexpr int kCellHeight = 30;
  constexpr int kAround = 90;
  Script script(output, std::max(kPlotHeight * 2 / 3, kAround + kCellHeight * static_cast<int>(chart.y.size())));
  struct Place {
    std::size_t x, y;
    double value;
  };
  std::vector<Place> places;
  std::vector<double> values;
  for (std::size_t y = 0; y < chart.values.size(); ++y) {
    for (std::size_t x = 0; x < chart.values[y].size(); ++x) {
      const double value = chart.values[y][x] / chart.value.divisor;
      if (std::isnan(value)) continue;
      places.push_back({x, y, value});
      values.push_back(value);
    }
  }
  double least = kMissing;
  double largest = kMissing;
  if (!values.empty()) {
    const auto [first, last] = std::minmax_element(values.begin(), values.end());
    std::tie(least, largest) = chart.value.log ? std::pair{*first, *last} : honest_range(*first, *last);
  }
  script.line("unset key");
  script.line("unset grid");
  script.line("set palette defined {}", kPalette);
  script.line("set cblabel {}", gnuplot_string(chart.value.label));
  if (chart.value.log) script.line("set logscale cb");
  if (least < largest) script.line("set cbrange [{}:{}]", plot_number(least), plot_number(largest));
  const auto names = [&](char axis, const std::string& label, const std::vector<std::string>& texts) {
    std::string list;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      list += fmt::format("{}{} {}", i == 0 ? "" : ", ", gnuplot_string(shortened(texts[i])), i);
    }
    script.line("set {}label {}", axis, gnuplot_string(label));
    script.line("set {}tics ({}) scale 0", axis, list);
    script.line("set {}range [-0.5:{}]", axis, static_cast<double>(texts.size()) - 0.5);
  };
  names('x', chart.x_label, chart.x);
  names('y', chart.y_label, chart.y);
  const auto part = [&](double value) {
    if (!(least < largest)) return 0.0;
    return chart.value.log ? std::log(value / least) / std::log(largest / least) : (value - least) / (largest - least);
  };
  constexpr double kLightFrom = 0.55;  // of the palette
  constexpr std::size_t kMostNumbers = 14;
  const std::string data = script.data(places, [&](const Place& p) {
    return fmt::format("{} {} {} \"{}\" {}", p.x, p.y, plot_number(p.value), short_number(p.value),
                       part(p.value) > kLightFrom ? "0x000000" : "0xffffff");
  });
  std::vector<std::string> parts{
      fmt::format("{} using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):3 with boxxyerror fillstyle solid 1.0 noborder "
                  "fillcolor palette",
                  data)};
  if (chart.x.size() <= kMostNumbers) {
    parts.push_back(fmt::format("{} using 1:2:4:5 with labels font ',12' textcolor rgb variable", data));
  }
  script.plot(parts);
  return script.text();
}

std::string draw(const FrontChart& chart, const std::string& output) {
  Script script(output, kPlotHeight + kTextHeight);
  std::vector<double> xs;
  std::vector<double> ys;
  for (const auto* marks : {&chart.others, &chart.front}) {
    for (const FrontChart::Mark& mark : *marks) {
      xs.push_back(mark.x);
      ys.push_back(mark.y);
    }
  }
  script.axis('x', chart.x, xs);
  script.axis('y', chart.y, ys);
  const auto print = [&](const FrontChart::Mark& mark) {
    return fmt::format("{} {} \"{}\"", plot_number(mark.x / chart.x.divisor), plot_number(mark.y / chart.y.divisor),
                       data_field(shortened(mark.label)));
  };
  std::vector<std::string> parts;
  if (!chart.others.empty()) {
    parts.push_back(script.data(chart.others, print) +
                    " using 1:2 with points pointtype 6 pointsize 0.7 linecolor rgb '#999999' title 'other designs'");
  }
  const std::string front = script.data(chart.front, print);
  parts.push_back(front +
                  " using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.9 linecolor rgb '#0072b2' "
                  "title 'front: no other design is better in both'");
  parts.push_back(front +
                  " using 1:2:3 with labels left offset character 0.5,0.7 font ',13' textcolor rgb '#0072b2' notitle");
  script.plot(parts);
  return script.text();
}

std::string gnuplot_string(std::string_view text) {
  std::string quoted = "'";
  for (const char c : clean_text(text)) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string chart_script(const Figure& figure, const std::string& output) {
  return std::visit([&](const auto& chart) { return draw(chart, output); }, figure.chart);
}

}  // namespace pagoda::report
