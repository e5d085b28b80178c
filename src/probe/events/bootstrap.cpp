#include "probe/events/bootstrap.h"

#include <vector>

#include "core/random.h"
#include "core/statistics.h"
#include "core/stop.h"

namespace waiver {

MedianInterval bootstrap_median(std::span<const double> sample, double level) {
  if (sample.empty()) return {};
  const int64_t n = std::ssize(sample);
  const Random random(0, "bootstrap");
  std::vector<double> drawn(n), medians(kResamples);
  for (int64_t r = 0; r < kResamples; ++r) {
    check_stop();
    for (int64_t i = 0; i < n; ++i) drawn[i] = sample[random.below(r * n + i, n)];
    medians[r] = median(drawn);
  }
  drawn.assign(sample.begin(), sample.end());
  const double outside = (1 - level) / 2;
  return {median(drawn), quantile(medians, outside), quantile(medians, 1 - outside)};
}

}  // namespace waiver
