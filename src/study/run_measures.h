#pragma once

#include <string>
#include <utility>
#include <vector>

#include "run/log_file.h"
#include "study/study.h"

namespace waiver {

/// Named numbers about a finished run, in a fixed order.
using Measures = std::vector<std::pair<std::string, double>>;

/// The numbers that a study asks of each of its runs, from the run's log; NaN where it has none.
Measures measures_of(const Study& study, const StudyRun& run, const Log& log);

}  // namespace waiver
