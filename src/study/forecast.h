#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "study/needs.h"

namespace waiver {

/// What training these runs of a study would take, so many side by side: a table with the steps,
/// memory and time of each, and the time of all together. Runs that differ in their seeds alone
/// are measured once.
std::string forecast_text(const Study& study, const std::vector<RunNeeds>& needs,
                          const std::vector<size_t>& runs, int64_t side_by_side, int64_t width = 0);

}  // namespace waiver
