#include "probe/events/change_point.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace waiver {

ChangePoint find_change_point(std::span<const int64_t> steps, std::span<const double> values) {
  std::vector<int64_t> at;
  std::vector<double> x;
  for (int64_t i = 0; i < std::ssize(values); ++i)
    if (std::isfinite(values[i])) {
      at.push_back(steps[i]);
      x.push_back(values[i]);
    }
  // Checked on the values themselves: rounding leaves even equal ones with a variance.
  if (x.empty() || std::ranges::min(x) == std::ranges::max(x)) return {};
  const auto n = static_cast<double>(x.size());
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
  double total = 0, sum = 0, best = -1;
  for (const double v : x) total += (v - mean) * (v - mean);
  ChangePoint found;
  for (size_t i = 1; i < x.size(); ++i) {
    sum += x[i - 1] - mean;
    const auto m = static_cast<double>(i);
    const double weight = n / (m * (n - m)), gain = sum * sum * weight;
    if (gain <= best) continue;
    best = gain;
    found = {at[i], -sum * weight, std::min(gain / total, 1.0)};
  }
  return found;
}

}  // namespace waiver
