#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "study/needs.h"

namespace waiver {

/// How long the parts of a run take here, in seconds, measured on its first few steps.
struct Pace {
  double step = 0;
  double probe = 0;  // spread over all steps
  double validation = 0;
  double mechanisms = 0;  // all that are asked for

  /// Trains and probes for about half a second; writes nothing.
  static Pace of(const Config& config);
  /// Of a whole run, without loading and saving.
  double seconds(const Config& config) const;
};

/// What training these runs of a study would take, so many side by side: a table with the steps,
/// memory and time of each, and the time of all together. Runs that differ in their seeds alone
/// are measured once.
std::string forecast_text(const Study& study, const std::vector<RunNeeds>& needs,
                          const std::vector<size_t>& runs, int64_t side_by_side, int64_t width = 0);

}  // namespace waiver
