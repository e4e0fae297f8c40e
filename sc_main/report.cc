// pagoda report: one page about a run or a sweep.
#include "sc_main/report/report.h"

#include <fmt/format.h>

#include "sc_main/commands.h"
#include "sc_main/comparison.h"

namespace pagoda {

void add_report(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("report", "Write one HTML page with tables and plots of a run or a sweep");
  command->footer(
      "Statistics and parameters are named as in the page's tables. Plots are drawn by gnuplot.\n\n"
      "Examples:\n"
      "  pagoda report pagoda-out/desktop\n"
      "  pagoda report results --x cpus.*.mmu.stlb.entries --y cpu0.access_latency.mean --group variant\n"
      "  pagoda report results --pareto min:cpus.*.mmu.stlb.entries,cpu0.access_latency.mean --out review.html");
  auto request = std::make_shared<report::ReportRequest>();
  report::Choice& choice = request->choice;
  command->add_option("folder", request->folder, "The folder of a run, of a run with all variants, or of a sweep")
      ->required();
  command->add_option("--x", choice.x, "Plot against this parameter");
  command->add_option("--y", choice.y, "Plot this statistic (repeatable)");
  command->add_option("--group", choice.groups, "A line for each value of this parameter (repeatable)");
  command
      ->add_option("--pareto", choice.pareto,
                   "Two figures to trade, A,B: statistics or parameters, min: or max: before them if need be")
      ->delimiter(',');
  command->add_option("--out", request->out, "The file to write (default: report.html in the folder)");
  command->callback([request, &chosen] {
    chosen = [request] {
      fmt::print("report  {}\n", report::write_report(*request, headlines()).string());
      return 0;
    };
  });
}

}  // namespace pagoda
