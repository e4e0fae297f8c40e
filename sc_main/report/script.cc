#include "sc_main/report/script.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <tuple>

#include "sc_main/report/chart_script.h"
#include "sc_main/report/text.h"

namespace pagoda::report {
namespace {

constexpr int kLetterWidth = 8;
// Okabe and Ito, "Color Universal Design" (2008), without its yellow, which does not print, and grey for its black.
constexpr std::array<const char*, 7> kColours{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                              "#56b4e9", "#e69f00", "#444444"};
constexpr std::array<int, 7> kShapes{7, 5, 9, 13, 11, 6, 4};

}  // namespace

const char* series_colour(std::size_t i) { return kColours[i % kColours.size()]; }
int series_shape(std::size_t i) { return kShapes[i % kShapes.size()]; }
std::size_t series_dashes(std::size_t i) { return 1 + i / kColours.size(); }

std::string plot_number(double value) { return std::isnan(value) ? "NaN" : fmt::format("{:.9g}", value); }

std::string shortened(const std::string& label) {
  constexpr std::size_t kMost = 44;
  return character_count(label) <= kMost ? label : first_characters(label, kMost - 3) + "...";
}

std::string key_title(const Series& series) {
  return series.title.empty() ? "notitle" : "title " + gnuplot_string(shortened(clean_text(series.title)));
}

int key_height(const std::vector<Series>& series) {
  std::size_t longest = 0;
  for (const Series& one : series) longest = std::max(longest, character_count(shortened(one.title)));
  if (longest == 0) return 0;
  const std::size_t beside =
      std::max<std::size_t>(1, static_cast<std::size_t>(kPlotWidth - 100) / (longest * kLetterWidth + 60));
  return static_cast<int>((series.size() + beside - 1) / beside) * kTextHeight;
}

std::vector<double> all_x(const std::vector<Series>& series) {
  std::vector<double> values;
  for (const Series& one : series) {
    for (const ChartPoint& point : one.points) values.push_back(point.x);
  }
  return values;
}

std::vector<double> all_y(const std::vector<Series>& series) {
  std::vector<double> values;
  for (const Series& one : series) {
    for (const ChartPoint& point : one.points) values.insert(values.end(), {point.y, point.low, point.high});
  }
  return values;
}

std::vector<ChartPoint> with_spread(const Series& series) {
  std::vector<ChartPoint> points;
  std::copy_if(series.points.begin(), series.points.end(), std::back_inserter(points),
               [](const ChartPoint& p) { return p.low < p.high; });
  return points;
}

bool has_spread(const Series& series) {
  return std::any_of(series.points.begin(), series.points.end(), [](const ChartPoint& p) { return p.low < p.high; });
}

std::pair<double, double> honest_range(double least, double largest) {
  constexpr double kLeastSpan = 0.1;  // of the values
  const double middle = (least + largest) / 2;
  const double half = std::max((largest - least) / 2, kLeastSpan / 2 * std::abs(middle));
  return {middle - half, middle + half};
}

Script::Script(const std::string& output, int height) {
  line("reset session");
  line("set encoding utf8");
  line("set terminal svg size {},{} dynamic noenhanced font 'sans-serif,14' background 'white'", kPlotWidth, height);
  line("set output {}", gnuplot_string(output));
  line("set grid back linecolor rgb '#dddddd' linewidth 1");
  line("set border linecolor rgb '#666666'");
  line("set tics nomirror textcolor rgb '#222222'");
  line("set format '%g'");
  line("set key outside top center horizontal Left reverse samplen 2");
  line("set bars 0.6");
}

void Script::axis(char name, const Axis& axis, const std::vector<double>& values, double room) {
  line("set {}label {}", name, gnuplot_string(axis.label));
  std::vector<double> shown;
  for (const double value : values) {
    if (std::isfinite(value)) shown.push_back(value / axis.divisor);
  }
  for (const Tick& tick : axis.ticks) shown.push_back(tick.position);
  if (shown.empty()) return;
  const auto [least, largest] = std::minmax_element(shown.begin(), shown.end());
  range(name, axis, *least, *largest, room);
  if (!axis.ticks.empty()) ticks(name, axis, *least, *largest);
}

void Script::rows(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    list += fmt::format("{}{} {}", i == 0 ? "" : ", ", gnuplot_string(shortened(clean_text(names[i]))), i);
  }
  line("set ytics ({}) scale 0", list);
  line("set yrange [{}:-0.6]", static_cast<double>(names.size()) - 0.4);
  line("unset grid");
  line("set grid xtics back linecolor rgb '#dddddd' linewidth 1");
}

void Script::plot(const std::vector<std::string>& parts) {
  line("plot {}", fmt::join(parts, ", \\\n     "));
  line("unset output");
}

void Script::range(char name, const Axis& axis, double least, double largest, double room) {
  constexpr double kMargin = 0.04;
  if (axis.shows_values && !axis.log) std::tie(least, largest) = honest_range(least, largest);
  const double beyond = kMargin + room;
  if (axis.log) {
    line("set logscale {} 10", name);
    const double span = largest / least;
    if (span > 1) {
      line("set {}range [{}:{}]", name, plot_number(least / std::pow(span, kMargin)),
           plot_number(largest * std::pow(span, beyond)));
    }
    return;
  }
  const double span = largest - least;
  if (axis.from_zero) {
    line("set {}range [0:{}]", name, plot_number(largest > 0 ? largest * (1 + beyond) : 1));
  } else if (span > 0) {
    line("set {}range [{}:{}]", name, plot_number(least - kMargin * span), plot_number(largest + beyond * span));
  }
}

// Ticks whose text would run into that of the one before have none.
void Script::ticks(char name, const Axis& axis, double least, double largest) {
  const auto place = [&](double value) {
    return axis.log ? std::log(value / least) / std::log(largest / least) : (value - least) / (largest - least);
  };
  constexpr double kAxisWidth = kPlotWidth - 120;
  std::string list;
  double free_from = -1;
  std::vector<Tick> sorted = axis.ticks;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Tick& a, const Tick& b) { return a.position < b.position; });
  for (const Tick& tick : sorted) {
    const double half = static_cast<double>(character_count(tick.text) + 1) * kLetterWidth / 2 / kAxisWidth;
    const double at = largest > least ? place(tick.position) : 0;
    const bool fits = at - half >= free_from;
    if (fits) free_from = at + half;
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", fits ? gnuplot_string(tick.text) : "''",
                        plot_number(tick.position));
  }
  line("set {}tics ({})", name, list);
}

}  // namespace pagoda::report
