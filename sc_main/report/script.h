// The commands of one plot, as they are put together: what all plots have in common.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sc_main/report/chart.h"

namespace pagoda::report {

inline constexpr int kPlotWidth = 720;
inline constexpr int kPlotHeight = 400;
inline constexpr int kTextHeight = 20;  ///< of a line of text, with the room around it

/// Colours, shapes and dashes that tell series apart, in that order.
const char* series_colour(std::size_t i);
int series_shape(std::size_t i);
std::size_t series_dashes(std::size_t i);

/// A number as gnuplot reads it.
std::string plot_number(double value);
/// What of a label fits beside a plot.
std::string shortened(const std::string& label);
/// `title 'what a series is'` of a plot command.
std::string key_title(const Series& series);
/// The height that the key of these takes, which stands above the plot.
int key_height(const std::vector<Series>& series);
/// All x and all y of these, with the ends of their spreads.
std::vector<double> all_x(const std::vector<Series>& series);
std::vector<double> all_y(const std::vector<Series>& series);
bool has_spread(const Series& series);
/// The points that are means of several values.
std::vector<ChartPoint> with_spread(const Series& series);
/// A range for these values that does not make differences of a few per cent look large.
std::pair<double, double> honest_range(double least, double largest);

class Script {
 public:
  Script(const std::string& output, int height);

  template <class... Values>
  void line(fmt::format_string<Values...> format, Values&&... values) {
    text_ += fmt::format(format, std::forward<Values>(values)...) + "\n";
  }

  /// A block of data, a line for each row as `print` has it; returns its name.
  template <class Rows, class Print>
  std::string data(const Rows& rows, const Print& print) {
    const std::string name = fmt::format("$data{}", blocks_++);
    text_ += name + " << END_OF_DATA\n";
    for (const auto& row : rows) text_ += print(row) + "\n";
    text_ += "END_OF_DATA\n";
    return name;
  }

  /// Label, range, scale and ticks of an axis, `x` or `y`, that shows these values. `room` is left beyond the largest,
  /// as a part of the axis.
  void axis(char name, const Axis& axis, const std::vector<double>& values, double room = 0);
  /// Names along the y axis, the first on top.
  void rows(const std::vector<std::string>& names);
  void plot(const std::vector<std::string>& parts);

  const std::string& text() const { return text_; }

 private:
  void range(char name, const Axis& axis, double least, double largest, double room);
  void ticks(char name, const Axis& axis, double least, double largest);

  std::string text_;
  int blocks_ = 0;
};

/// Each kind of chart; chart_script() chooses among them.
std::string draw(const LineChart& chart, const std::string& output);
std::string draw(const BarChart& chart, const std::string& output);
std::string draw(const StackChart& chart, const std::string& output);
std::string draw(const HeatMap& chart, const std::string& output);
std::string draw(const PercentileChart& chart, const std::string& output);
std::string draw(const FrontChart& chart, const std::string& output);

}  // namespace pagoda::report
