#include "core/statistics/bootstrap.h"

#include <limits>
#include <vector>

#include "core/random.h"
#include "core/statistics/order.h"
#include "core/stop.h"

namespace waiver {
namespace {

double value_of(Statistic statistic, std::vector<double>& x) {
  return statistic == Statistic::median ? median(x) : mean(x);
}

// Quantile p, with what is undefined at `unknown`.
double bound(std::vector<double> values, double p, double unknown) {
  for (double& x : values)
    if (std::isnan(x)) x = unknown;
  return quantile(values, p);
}

}  // namespace

std::span<const Choice> words(Statistic) {
  static constexpr Choice all[] = {{"median", "the median"}, {"mean", "the mean"}};
  return all;
}

Interval bootstrap(std::span<const double> sample, Statistic statistic, double level) {
  if (sample.empty()) return {};
  const int64_t n = std::ssize(sample);
  const Random random(0, "bootstrap");
  std::vector<double> drawn(n), found(kResamples);
  for (int64_t r = 0; r < kResamples; ++r) {
    check_stop();
    for (int64_t i = 0; i < n; ++i) drawn[i] = sample[random.below(r * n + i, n)];
    found[r] = value_of(statistic, drawn);
  }
  drawn.assign(sample.begin(), sample.end());
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double outside = (1 - level) / 2;
  return {value_of(statistic, drawn), bound(found, outside, -kInfinity),
          bound(found, 1 - outside, kInfinity)};
}

}  // namespace waiver
