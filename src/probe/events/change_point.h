#pragma once

#include <cstdint>
#include <span>

namespace waiver {

/// Where a series changed most, without any threshold.
struct ChangePoint {
  int64_t step = -1;     // the first step after the change; −1: nothing ever changed
  double size = 0;       // mean after − mean before
  double explained = 0;  // share of the variance that the two means explain, in [0, 1]
};

/// The split of n values x₀ … xₙ₋₁ into two constants with the smallest squared error (Sen &
/// Srivastava, Ann. Statist. 3, 1975): the m in 1 … n − 1 with the largest
///   S_m² n ÷ (m (n − m)),  S_m = Σ_{i<m} (x_i − x̄),
/// which is the amount by which that split reduces the sum of squares Σ (x_i − x̄)²; the first among
/// equals. Every probe has the same weight, however far its step is from the next. O(n), by prefix
/// sums. Values that are not finite are left out with their steps. steps and values have the same
/// length.
ChangePoint find_change_point(std::span<const int64_t> steps, std::span<const double> values);

}  // namespace waiver
