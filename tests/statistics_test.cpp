#include "core/statistics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace waiver {
namespace {

double median_of(std::vector<double> x) { return median(x); }

}  // namespace

TEST_CASE("the median of an even number is the mean of the two in the middle, and none with NaN") {
  CHECK(median_of({3, 1, 2}) == 2);
  CHECK(median_of({4, 1, 3, 2}) == 2.5);
  CHECK(median_of({INFINITY, 1, INFINITY}) == INFINITY);
  CHECK(std::isnan(median_of({1, NAN, 2})));
}

TEST_CASE("a quantile is one of the numbers, the upper of two equally near") {
  const std::vector<double> x = {4, 1, INFINITY, 3, 2};
  const auto quantile_of = [](std::vector<double> of, double p) { return quantile(of, p); };
  CHECK(quantile_of(x, 0) == 1);
  CHECK(quantile_of(x, 0.12) == 1);
  CHECK(quantile_of(x, 0.13) == 2);
  CHECK(quantile_of(x, 0.5) == 3);
  CHECK(quantile_of(x, 1) == INFINITY);
  CHECK(quantile_of({4, 1, 3, 2}, 0.5) == 3);
  CHECK(quantile_of({7}, 0.3) == 7);
}

TEST_CASE("the index of the median is that of one of the numbers, the lower of two") {
  CHECK(median_index(std::vector<double>{7}) == 0);
  CHECK(median_index(std::vector<double>{5, 9, 1}) == 0);
  CHECK(median_index(std::vector<double>{4, 1, 3, 2}) == 3);
}

TEST_CASE(
    "equal numbers share the mean of their ranks, and rank correlation depends on order only") {
  CHECK(ranks(std::vector<double>{3, 1, 3, 7}) == std::vector<double>{1.5, 0, 1.5, 3});
  const std::vector<double> x = {1, 2, 3, 4}, up = {1, 10, 11, 1000}, down = {4, 3, 2, -9};
  CHECK(rank_correlation(x, up) == doctest::Approx(1).epsilon(1e-15));
  CHECK(rank_correlation(x, down) == doctest::Approx(-1).epsilon(1e-15));
  CHECK(rank_correlation(x, std::vector<double>(4, 5)) == 0);
}

}  // namespace waiver
