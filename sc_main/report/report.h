// `pagoda report`: a folder of results as one page to look at.
#pragma once

#include <filesystem>

#include "sc_main/report/headline.h"
#include "sc_main/report/study.h"

namespace pagoda::report {

struct ReportRequest {
  std::filesystem::path folder;
  std::filesystem::path out;  ///< the file to write; empty: report.html in the folder
  Choice choice;
};

/// Writes the report and returns its file, which holds all of it or what it held before. Errors: UserError.
std::filesystem::path write_report(const ReportRequest& request, const Headlines& headlines);

}  // namespace pagoda::report
