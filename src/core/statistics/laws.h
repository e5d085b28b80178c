#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "core/fields/fields.h"

namespace waiver {

/// y = a + b x, and the share of the variance of y that it explains.
struct Line {
  double intercept = NAN, slope = NAN, r2 = NAN;  // all NaN without two different x
};
/// By least squares: b = Σ (x − x̄)(y − ȳ) ÷ Σ (x − x̄)², a = ȳ − b x̄. r2 is NaN where y is
/// constant. REQUIRES: as many of one as of the other, all finite.
Line fit_line(std::span<const double> x, std::span<const double> y);

/// How a quantity grows with the step t:
///   log     y = a + b log t
///   power   log y = a + b log t, that is y = e^a t^b
enum class Law { log, power };
std::span<const Choice> words(Law);

/// The law fitted by least squares, each on its own scale; natural logarithms. r2 = 1 − Σ (y − ŷ)²
/// ÷ Σ (y − ȳ)² is on the scale of y for both, so that the two can be compared; for the power law
/// it can be negative. Points at t ≤ 0 and those that are not finite are left out; all NaN where
/// fewer than three are left, and for the power law where one has y ≤ 0. REQUIRES: as many of one
/// as of the other.
Line fit_law(std::span<const int64_t> t, std::span<const double> y, Law law);

}  // namespace waiver
