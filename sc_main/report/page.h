// A report as one HTML page that needs nothing else: styles, plots and the script that sorts tables are inside.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sc_main/report/plan.h"
#include "sc_main/report/sections.h"
#include "sc_main/report/study.h"

namespace pagoda::report {

/// `plots` has an SVG element for each figure of the sections, in their order.
std::string report_page(const Study& study, const Plan& plan, const Headlines& headlines,
                        const std::vector<Section>& sections, const std::vector<std::string>& plots);

}  // namespace pagoda::report
