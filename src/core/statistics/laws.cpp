#include "core/statistics/laws.h"

#include <algorithm>
#include <vector>

#include "core/statistics/order.h"

namespace waiver {
namespace {

double explained(std::span<const double> y, std::span<const double> fitted) {
  const double middle = mean(y);
  double left = 0, total = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    left += (y[i] - fitted[i]) * (y[i] - fitted[i]);
    total += (y[i] - middle) * (y[i] - middle);
  }
  // Checked on the values themselves: rounding leaves even equal ones with a variance.
  return std::ranges::min(y) < std::ranges::max(y) ? 1 - left / total : NAN;
}

}  // namespace

Line fit_line(std::span<const double> x, std::span<const double> y) {
  if (x.empty() || std::ranges::min(x) == std::ranges::max(x)) return {};
  const double mx = mean(x), my = mean(y);
  double xx = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mx) * (x[i] - mx);
    xy += (x[i] - mx) * (y[i] - my);
  }
  const double slope = xy / xx;
  std::vector<double> fitted;
  for (const double v : x) fitted.push_back(my + slope * (v - mx));
  return {my - slope * mx, slope, explained(y, fitted)};
}

std::span<const Choice> words(Law) {
  static constexpr Choice all[] = {{"log", "y = a + b log t"}, {"power", "log y = a + b log t"}};
  return all;
}

Line fit_law(std::span<const int64_t> t, std::span<const double> y, Law law) {
  std::vector<double> x, plain, scaled;
  for (size_t i = 0; i < y.size(); ++i) {
    if (t[i] <= 0 || !std::isfinite(y[i])) continue;
    if (law == Law::power && y[i] <= 0) return {};
    x.push_back(std::log(static_cast<double>(t[i])));
    plain.push_back(y[i]);
    scaled.push_back(law == Law::power ? std::log(y[i]) : y[i]);
  }
  if (x.size() < 3) return {};
  Line line = fit_line(x, scaled);
  if (law == Law::log) return line;
  std::vector<double> fitted;
  for (const double v : x) fitted.push_back(std::exp(line.intercept + line.slope * v));
  line.r2 = explained(plain, fitted);
  return line;
}

}  // namespace waiver
