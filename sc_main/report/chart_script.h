// The commands that make gnuplot draw a chart as SVG: in colours that print and that colour-blind readers can tell
// apart, with marks of different shapes.
#pragma once

#include <string>
#include <string_view>

#include "sc_main/report/chart.h"

namespace pagoda::report {

/// Commands that write the plot to the file `output`, and leave nothing behind for those that follow.
std::string chart_script(const Figure& figure, const std::string& output);

/// A string of gnuplot in which nothing is special, whatever the text holds.
std::string gnuplot_string(std::string_view text);

}  // namespace pagoda::report
