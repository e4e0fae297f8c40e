#include "sc_main/report/report.h"

#include "sc_main/report/files.h"
#include "sc_main/report/gnuplot.h"
#include "sc_main/report/page.h"
#include "sc_main/report/plan.h"
#include "sc_main/report/read_results.h"
#include "sc_main/report/sections.h"

namespace pagoda::report {

std::filesystem::path write_report(const ReportRequest& request, const Headlines& headlines) {
  const Study study = read_results(request.folder);
  const Plan plan = make_plan(study, request.choice, headlines);
  const std::vector<Section> sections{statistics_section(study, plan), heat_section(study, plan),
                                      ratio_section(study, plan),      parts_section(study),
                                      latency_section(study, plan),    pareto_section(study, plan)};
  std::vector<Figure> figures;
  for (const Section& section : sections) figures.insert(figures.end(), section.figures.begin(), section.figures.end());
  const std::vector<std::string> plots = draw_figures(figures);
  std::filesystem::path out = request.out.empty() ? request.folder / "report.html" : request.out;
  replace_file(out, report_page(study, plan, headlines, sections, plots));
  return out;
}

}  // namespace pagoda::report
