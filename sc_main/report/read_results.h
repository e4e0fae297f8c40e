// The folder of a run, of a run with all variants or of a sweep, as a study.
//
// Errors: UserError with file and line if the folder is none of these, or something in it is not as it was written.
#pragma once

#include <filesystem>
#include <string_view>

#include "pagoda/base/stats_file.h"
#include "sc_main/report/study.h"

namespace pagoda::report {

Study read_results(const std::filesystem::path& folder);

/// The text of a sweep's results.json; `file` is its name in messages. Folders of points are relative to the sweep's.
Study parse_sweep(std::string_view text, const std::string& file);

/// What the run in `folder` recorded of its distributions; none if it kept no record.
std::vector<DistributionLine> read_distributions(const std::filesystem::path& folder);

}  // namespace pagoda::report
