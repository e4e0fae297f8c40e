#include "sc_main/report/gnuplot.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

#include <boost/process.hpp>
#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/base/temporary_folder.h"
#include "sc_main/report/chart_script.h"
#include "sc_main/report/files.h"
#include "sc_main/report/text.h"

namespace pagoda::report {
namespace {

namespace fs = std::filesystem;
namespace bp = boost::process;

// Where the shell would find a program; empty if nowhere.
std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string program = (fs::path(folder) / name).string();
    if (access(program.c_str(), X_OK) == 0 && fs::is_regular_file(program)) return program;
  }
  return {};
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string first_line(const std::string& text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \n"), text.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

std::string svg_element(const std::string& file, const std::string& prefix, const std::string& title) {
  const std::size_t begin = file.find("<svg");
  const std::size_t canvas = file.find("<g id=\"gnuplot_canvas\"");
  const std::size_t end = file.rfind("</svg>");
  if (begin == std::string::npos || canvas == std::string::npos || end == std::string::npos) {
    throw std::runtime_error("gnuplot has written no SVG");
  }
  std::string head = file.substr(begin, file.find('>', begin) + 1 - begin);
  head.insert(head.size() - 1, fmt::format(" role=\"img\" aria-label=\"{}\"", html(title)));
  std::string body = file.substr(canvas, end - canvas);
  replace_all(body, "id='", "id='" + prefix);
  replace_all(body, "id=\"", "id=\"" + prefix);
  replace_all(body, "href='#", "href='#" + prefix);
  replace_all(body, "url(#", "url(#" + prefix);
  return head + "\n" + body + "</svg>\n";
}

std::vector<std::string> draw_figures(const std::vector<Figure>& figures) {
  const std::string program = find_program("gnuplot");
  if (program.empty()) {
    throw UserError("gnuplot is missing, which draws the plots of a report; on Debian: apt install gnuplot-nox");
  }
  const TemporaryFolder scratch("pagoda-report");
  std::string script;
  const auto name = [](std::size_t i) { return fmt::format("{}.svg", i); };
  for (std::size_t i = 0; i < figures.size(); ++i) script += chart_script(figures[i], name(i));
  write_file(scratch.path() / "plots.gp", script);
  const int status =
      bp::system(program, "--default-settings", "plots.gp", bp::start_dir = scratch.path().string(),
                 bp::std_in<bp::null, bp::std_out> bp::null, bp::std_err > (scratch.path() / "errors").string());
  std::vector<std::string> elements;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (status != 0 || !fs::exists(scratch.path() / name(i))) {
      throw std::runtime_error("gnuplot failed: " + first_line(read_text(scratch.path() / "errors")));
    }
    elements.push_back(svg_element(read_text(scratch.path() / name(i)), fmt::format("figure{}-", i), figures[i].title));
  }
  return elements;
}

}  // namespace pagoda::report
