// The tables of a report, as HTML. One with nothing to show is empty.
#pragma once

#include <string>

#include "sc_main/report/plan.h"
#include "sc_main/report/study.h"

namespace pagoda::report {

/// What was run: facts, and the settings in which variants differ.
std::string facts_table(const Study& study);
std::string differences_table(const Study& study);
/// The most telling statistics of a run, or of its variants beside each other with ratios to the first.
std::string headline_table(const Study& study, const Plan& plan, const Headlines& headlines);
/// Of a sweep with variants: by variant, the geometric means of its ratios to the baseline.
std::string mean_ratio_table(const Study& study, const Plan& plan);
/// The designs of the front.
std::string front_table(const Study& study, const Plan& plan);
/// How far repeats with other seeds lie apart.
std::string spread_table(const Study& study, const Plan& plan);
/// Points that are not done, with their reasons.
std::string failed_table(const Study& study);
/// Every point of a sweep; every statistic of a run or of its variants.
std::string points_table(const Study& study, const Plan& plan);
std::string statistics_table(const Study& study);

}  // namespace pagoda::report
