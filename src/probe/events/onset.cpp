#include "probe/events/onset.h"

#include <algorithm>

namespace waiver {

Onset find_onset(std::span<const int64_t> steps, std::span<const double> values, double threshold,
                 Side side, int64_t persistence) {
  const auto across = [&](double v) { return side == Side::above ? v > threshold : v < threshold; };
  const int64_t n = std::ssize(values);
  for (int64_t i = 0; i + persistence <= n; ++i) {
    const auto window = values.subspan(i, persistence);
    if (std::all_of(window.begin(), window.end(), across))
      return {steps[i], values[i > 0 ? i - 1 : i], values[i]};
  }
  return {};
}

}  // namespace waiver
