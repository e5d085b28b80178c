#include "core/statistics/paired.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.h"
#include "core/stop.h"

namespace waiver {

std::span<const Choice> words(Comparison) {
  static constexpr Choice all[] = {{"difference", "the first minus the second"},
                                   {"ratio", "the first divided by the second"}};
  return all;
}

double compared(Comparison how, double x, double y) {
  return how == Comparison::difference ? x - y : x / y;
}

double sign_flip_p(std::span<const double> differences) {
  const int64_t n = std::ssize(differences);
  const auto finite = [](double d) { return std::isfinite(d); };
  if (n == 0 || !std::ranges::all_of(differences, finite)) return NAN;
  double sum = 0, size = 0;
  for (const double d : differences) {
    sum += d;
    size += std::abs(d);
  }
  // Sums that would be equal without rounding count as equal.
  const double least = std::abs(sum) - 1e-12 * size;
  const bool exact = n <= kExactPairs;
  const int64_t ways = exact ? int64_t{1} << n : kResamples + 1;
  const Random random(0, "sign flips");
  int64_t as_far = 0;
  for (int64_t way = 0; way < ways; ++way) {
    check_stop();
    double flipped = 0;
    for (int64_t i = 0; i < n; ++i) {
      const bool negative =
          exact ? (way >> i & 1) != 0 : way > 0 && random.below(way * n + i, 2) == 1;
      flipped += negative ? -differences[i] : differences[i];
    }
    as_far += std::abs(flipped) >= least;
  }
  return static_cast<double>(as_far) / static_cast<double>(ways);
}

Paired compare_pairs(std::span<const double> x, std::span<const double> y, Comparison how,
                     Statistic statistic) {
  Paired out;
  std::vector<double> defined, differences;
  for (size_t i = 0; i < x.size(); ++i) {
    out.each.push_back(compared(how, x[i], y[i]));
    if (!std::isnan(out.each[i])) defined.push_back(out.each[i]);
    differences.push_back(how == Comparison::difference ? x[i] - y[i]
                                                        : std::log(x[i]) - std::log(y[i]));
  }
  out.interval = bootstrap(defined, statistic);
  out.p = sign_flip_p(differences);
  return out;
}

}  // namespace waiver
