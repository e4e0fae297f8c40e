// The text of a sweep's results.json gives a report or a UserError, nothing else: it is read, planned and turned into
// commands for gnuplot, which is not started.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/require.h"
#include "pagoda/base/error.h"
#include "sc_main/report/chart_script.h"
#include "sc_main/report/page.h"
#include "sc_main/report/read_results.h"

namespace pagoda::fuzz {
namespace {

constexpr const char* kResultsFile = "/nonexistent/results.json";

void check_results(std::string_view text) {
  using namespace report;
  try {
    const Study study = parse_sweep(text, kResultsFile);
    const Plan plan = make_plan(study, {}, {});
    const std::vector<Section> sections{statistics_section(study, plan), heat_section(study, plan),
                                        ratio_section(study, plan),      parts_section(study),
                                        latency_section(study, plan),    pareto_section(study, plan)};
    std::vector<std::string> plots;
    for (const Section& section : sections) {
      for (const Figure& figure : section.figures) plots.push_back(chart_script(figure, "plot.svg"));
    }
    // Texts of the study stand in the page only in their escaped form; here no plot is in it.
    for (std::string& plot : plots) plot = "<svg></svg>";
    const std::string page = report_page(study, plan, {}, sections, plots);
    require(page.find("<script>") == page.rfind("<script"), "a page has one script");
  } catch (const UserError& error) {
    require(std::string_view(error.what()).find('\n') == std::string_view::npos, "a message is one line");
  }
}

}  // namespace
}  // namespace pagoda::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pagoda::fuzz::check_results({reinterpret_cast<const char*>(data), size});
  return 0;
}
