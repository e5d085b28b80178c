#pragma once

#include <cmath>
#include <cstdint>
#include <span>

namespace waiver {

/// The side of a threshold to which a quantity crosses.
enum class Side { above, below };

/// The number of consecutive probes for which a quantity must stay across its threshold.
inline constexpr int64_t kPersistence = 3;

/// When a quantity crossed its threshold for good.
struct Onset {
  int64_t step = -1;    // −1: never
  double before = NAN;  // the value at the probe before it; at the first probe, its own
  double after = NAN;   // the value at that step
};

/// The first step at which `values` are strictly on that side of `threshold` and stay there for
/// `persistence` consecutive probes, including that one. A NaN is on neither side. steps and values
/// have the same length.
Onset find_onset(std::span<const int64_t> steps, std::span<const double> values, double threshold,
                 Side side = Side::above, int64_t persistence = kPersistence);

}  // namespace waiver
