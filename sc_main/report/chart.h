// A plot before it is drawn: what to show, without how. chart_script.h turns it into commands for gnuplot.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sc_main/report/axis.h"

namespace pagoda::report {

struct ChartPoint {
  double x = 0;
  double y = 0;
  double low = kMissing;  ///< the least and the largest of what y is the mean of; missing if it is no mean
  double high = kMissing;
};

struct Series {
  std::string title;
  std::vector<ChartPoint> points;
};

/// Lines through marked points; with `scattered`, points alone; with `stepped`, lines without marks.
struct LineChart {
  Axis x;
  Axis y;
  std::vector<Series> series;
  bool scattered = false;
  bool curves = false;
};

/// Horizontal bars, one for each row, in groups of one for each series.
struct BarChart {
  Axis value;
  std::vector<std::string> rows;
  std::vector<Series> series;       ///< x is the row, y its value
  std::optional<double> reference;  ///< a line to compare with
};

/// Horizontal bars made up of parts.
struct StackChart {
  Axis value;
  std::vector<std::string> rows;
  std::vector<Series> parts;  ///< x is the row
};

/// A value for each pair of two parameters' values, as colour and as number.
struct HeatMap {
  std::string x_label;
  std::string y_label;
  std::vector<std::string> x;
  std::vector<std::string> y;
  Axis value;
  std::vector<std::vector<double>> values;  ///< [y][x]; NaN where there is none
};

/// Where the percentiles of a distribution lie, for each row.
struct PercentileChart {
  struct Row {
    std::string label;
    double min = 0, p50 = 0, p95 = 0, p99 = 0, max = 0, mean = 0;
  };
  Axis value;
  std::vector<Row> rows;
};

/// Designs by two figures, with those that no other beats in both.
struct FrontChart {
  struct Mark {
    double x = 0;
    double y = 0;
    std::string label;
  };
  Axis x;
  Axis y;
  std::vector<Mark> others;
  std::vector<Mark> front;  ///< by ascending x
};

struct Figure {
  std::string title;
  std::string caption;
  std::variant<LineChart, BarChart, StackChart, HeatMap, PercentileChart, FrontChart> chart;
};

}  // namespace pagoda::report
