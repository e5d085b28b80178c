#include "probe/reduce.h"

#include <algorithm>

namespace waiver {

std::vector<std::vector<float>> means_of_each(const std::vector<double>& sums, double divisor,
                                              int64_t count, int64_t width) {
  const std::vector<float> means = mean_of(sums, divisor);
  std::vector<std::vector<float>> out(count);
  for (auto at = means.begin(); at != means.end();)
    for (int64_t which = 0; which < count; ++which, at += width)
      out[which].insert(out[which].end(), at, at + width);
  return out;
}

double median(std::vector<double>& x) {
  const auto middle = x.begin() + std::ssize(x) / 2;
  std::nth_element(x.begin(), middle, x.end());
  if (x.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(x.begin(), middle));
}

}  // namespace waiver
