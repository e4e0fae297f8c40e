// Starts gnuplot and takes what it draws.
#pragma once

#include <string>
#include <vector>

#include "sc_main/report/chart.h"

namespace pagoda::report {

/// The figures as SVG elements to put into a page: one process draws all of them. No two elements of a page have ids in
/// common. Errors: UserError if gnuplot is not installed; std::runtime_error with its message if it fails.
std::vector<std::string> draw_figures(const std::vector<Figure>& figures);

/// An SVG file as gnuplot writes it, as an element of a page: its ids begin with `prefix`, and `title` says what it shows
/// to those who do not see it.
std::string svg_element(const std::string& file, const std::string& prefix, const std::string& title);

}  // namespace pagoda::report
