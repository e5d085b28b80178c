#include "core/statistics/order.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace waiver {

double median(std::vector<double>& x) {
  if (std::ranges::any_of(x, [](double v) { return std::isnan(v); })) return std::nan("");
  const auto middle = x.begin() + std::ssize(x) / 2;
  std::nth_element(x.begin(), middle, x.end());
  if (x.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(x.begin(), middle));
}

double mean(std::span<const double> x) {
  if (x.empty()) return std::nan("");
  const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
  const auto [low, high] = std::ranges::minmax_element(x);
  return std::clamp(mean, *low, *high);  // which its rounding may leave
}

double quantile(std::vector<double>& x, double p) {
  const auto at = x.begin() + std::lround(p * static_cast<double>(x.size() - 1));
  std::nth_element(x.begin(), at, x.end());
  return *at;
}

size_t median_index(std::span<const double> x) {
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return x[i]; });
  return order[(order.size() - 1) / 2];
}

std::vector<double> ranks(std::span<const double> x) {
  std::vector<double> out;
  for (const double value : x) {
    const auto below = std::ranges::count_if(x, [&](double other) { return other < value; });
    const auto equal = std::ranges::count(x, value);
    out.push_back(static_cast<double>(below) + 0.5 * static_cast<double>(equal - 1));
  }
  return out;
}

double rank_correlation(std::span<const double> x, std::span<const double> y) {
  const std::vector<double> a = ranks(x), b = ranks(y);
  const double ma = mean(a), mb = mean(b);
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

}  // namespace waiver
