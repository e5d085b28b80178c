#pragma once

#include <cstdint>
#include <span>

namespace waiver {

/// When a quantity rose above its threshold to stay.
struct Onset {
  int64_t step = -1;  // −1: never
  double before = 0;  // the value at the probe before it; at the first probe, its own
  double after = 0;   // the value at that step
};

/// The first step at which `values` exceed `threshold` and stay above for `persistence` probes in a
/// row, that one included. steps and values have the same length.
Onset find_onset(std::span<const int64_t> steps, std::span<const double> values, double threshold,
                 int64_t persistence = 3);

}  // namespace waiver
