#include "core/statistics/order.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/statistics/bootstrap.h"
#include "core/statistics/laws.h"
#include "core/statistics/paired.h"
#include "probe/events/change_point.h"

namespace waiver {
namespace {

double median_of(std::vector<double> x) { return median(x); }

bool same(const Interval& a, double estimate, double low, double high) {
  return a.estimate == estimate && a.low == low && a.high == high;
}

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

TEST_CASE("a mean lies between the numbers, whatever its rounding") {
  CHECK(mean(std::vector<double>{0.1, 0.1, 0.1}) == 0.1);  // the sum ÷ 3 is above it
  CHECK(mean(std::vector<double>{1, 2, 6}) == 3);
  CHECK(std::isnan(mean(std::vector<double>{})));
  CHECK(std::isnan(mean(std::vector<double>{1, NAN})));
}

TEST_CASE("Spearman's correlation of a textbook example") {
  // IQ and hours of television of ten people (Wikipedia, "Spearman's rank correlation
  // coefficient").
  const std::vector<double> iq = {106, 100, 86, 101, 99, 103, 97, 113, 112, 110},
                            hours = {7, 27, 2, 50, 28, 29, 20, 12, 6, 17};
  CHECK(rank_correlation(iq, hours) == doctest::Approx(-29.0 / 165).epsilon(1e-14));
}

TEST_CASE("bootstrap intervals have the ends that the binomial distribution gives") {
  // The median of a resample of n is at most the j-th of n values with probability
  // P(B(n, j / n) > n / 2). n = 5: .058 for the least, so the interval is the range. n = 7: .010
  // for the least and .108 for the second. n = 9: .001 and .030 for the second.
  CHECK(same(bootstrap(std::vector<double>{1, 2, 3, 4, 5}), 3, 1, 5));
  CHECK(same(bootstrap(std::vector<double>{7, 6, 5, 4, 3, 2, 1}), 4, 2, 6));
  CHECK(same(bootstrap(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9}), 5, 2, 8));
  // The mean of n values, half of them 1, is B(n, 1/2) ÷ n: for n = 10, P(B ≤ 1) = .011 and P(B ≤
  // 2) = .055.
  std::vector<double> halves(10, 0.0);
  std::fill_n(halves.begin(), 5, 1.0);
  CHECK(same(bootstrap(halves, Statistic::mean), 0.5, 0.2, 0.8));
}

TEST_CASE("opposite infinities have no middle, and an interval without ends") {
  const double inf = INFINITY;
  const Interval two = bootstrap(std::vector<double>{-inf, inf});
  CHECK(std::isnan(two.estimate));
  CHECK(two.low == -inf);
  CHECK(two.high == inf);
  CHECK(same(bootstrap(std::vector<double>{-inf, 3, inf}), 3, -inf, inf));
  CHECK(same(bootstrap(std::vector<double>{1, 2, inf}, Statistic::mean), inf, 1, inf));
}

TEST_CASE("the sign-flip test of Darwin's maize, and of few pairs") {
  // Cross- minus self-fertilized heights in eighths of an inch (Fisher 1935, §21): 863 of the 32768
  // ways have a sum of at least 314, and as many of at most −314.
  const std::vector<double> maize = {49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48};
  CHECK(sign_flip_p(maize) == 2 * 863.0 / 32768);
  CHECK(sign_flip_p(std::vector<double>{1, 2, 3, 4, 5}) == 2.0 / 32);
  // 0.1 + 0.2 − 0.1 is rounded to a little more than −0.1 + 0.2 + 0.1, which is as far from 0.
  CHECK(sign_flip_p(std::vector<double>{0.1, 0.2, -0.1}) == 6.0 / 8);
  CHECK(std::isnan(sign_flip_p({})));
  CHECK(std::isnan(sign_flip_p(std::vector<double>{1, INFINITY})));
  // Of many pairs by draws: one in 10001 at the least, and nearly the exact p otherwise.
  CHECK(sign_flip_p(std::vector<double>(40, 1.0)) == 1.0 / 10001);
  std::vector<double> many(64, -1.0);  // P(|B(64, ½) − 32| ≥ 5) = .2605
  std::fill_n(many.begin(), 37, 1.0);
  CHECK(sign_flip_p(many) == doctest::Approx(0.2605).epsilon(0.05));
}

TEST_CASE("pairs are compared by differences or ratios, each with its interval") {
  const std::vector<double> x = {12, 30, INFINITY, INFINITY}, y = {10, 20, 40, INFINITY};
  const Paired lag = compare_pairs(x, y, Comparison::difference);
  CHECK(std::vector<double>(lag.each.begin(), lag.each.begin() + 3) ==
        std::vector<double>{2, 10, INFINITY});
  CHECK(std::isnan(lag.each[3]));  // neither ever happened
  CHECK(same(lag.interval, 10, 2, INFINITY));
  CHECK(std::isnan(lag.p));
  const Paired ratio =
      compare_pairs(std::vector<double>{2, 4, 8}, std::vector<double>{4, 4, 2}, Comparison::ratio);
  CHECK(ratio.each == std::vector<double>{0.5, 1, 4});
  CHECK(same(ratio.interval, 1, 0.5, 4));
  // log ½, 0, log 4: the sums are ±1 and ±3 times log 2, each for two of the eight ways.
  CHECK(ratio.p == 1);
  CHECK(compare_pairs(std::vector<double>{1, 2, 6}, std::vector<double>{1, 1, 1},
                      Comparison::difference, Statistic::mean)
            .interval.estimate == 2);
}

TEST_CASE("a line has the certified coefficients of NIST's Norris data") {
  const std::vector<double> x = {0.2,   337.4, 118.2, 884.6, 10.1,  226.5, 666.3, 996.3, 448.6,
                                 777.0, 558.2, 0.4,   0.6,   775.5, 666.9, 338.0, 447.5, 11.6,
                                 556.0, 228.1, 995.8, 887.6, 120.2, 0.3,   0.3,   556.8, 339.1,
                                 887.2, 999.0, 779.0, 11.1,  118.3, 229.2, 669.1, 448.9, 0.5},
                            y = {0.1,   338.8, 118.1, 888.0, 9.2,   228.1, 668.5, 998.5, 449.1,
                                 778.9, 559.2, 0.3,   0.1,   778.1, 668.8, 339.3, 448.9, 10.8,
                                 557.7, 228.3, 998.0, 888.8, 119.6, 0.3,   0.6,   557.6, 339.3,
                                 888.0, 998.5, 778.9, 10.2,  117.6, 228.9, 668.4, 449.2, 0.2};
  const Line line = fit_line(x, y);
  CHECK(line.intercept == doctest::Approx(-0.262323073774029).epsilon(1e-12));
  CHECK(line.slope == doctest::Approx(1.00211681802045).epsilon(1e-13));
  CHECK(line.r2 == doctest::Approx(0.999993745883712).epsilon(1e-14));
  CHECK(std::isnan(fit_line(std::vector<double>{2, 2}, std::vector<double>{1, 5}).slope));
  CHECK(fit_line(std::vector<double>{1, 2}, std::vector<double>{0.1, 0.1}).slope == 0);
  CHECK(std::isnan(fit_line(std::vector<double>{1, 2}, std::vector<double>{0.1, 0.1}).r2));
}

TEST_CASE("each law explains its own curve, and the other one less of it") {
  const std::vector<int64_t> t = {0, 1, 10, 100, 1000};
  std::vector<double> logarithm, power;
  for (const int64_t step : t) {
    logarithm.push_back(2 + 3 * std::log(static_cast<double>(step)));  // −∞ at step 0
    power.push_back(5 * std::pow(static_cast<double>(step), -0.5));    // ∞ at step 0
  }
  const Line of_log = fit_law(t, logarithm, Law::log), of_power = fit_law(t, power, Law::power);
  CHECK(of_log.intercept == doctest::Approx(2).epsilon(1e-13));
  CHECK(of_log.slope == doctest::Approx(3).epsilon(1e-13));
  CHECK(of_log.r2 == doctest::Approx(1).epsilon(1e-13));
  CHECK(of_power.intercept == doctest::Approx(std::log(5)).epsilon(1e-13));
  CHECK(of_power.slope == doctest::Approx(-0.5).epsilon(1e-13));
  CHECK(of_power.r2 == doctest::Approx(1).epsilon(1e-13));

  // y = 1, 2, 9 at log t = 0, 1, 2 in units of log 10. The line: 0, 4, 8, off by 1, −2, 1; the
  // total is 9 + 4 + 25. The power law: ∛⅔ times 1, 3, 9.
  const std::vector<int64_t> three = {1, 10, 100};
  const std::vector<double> y = {1, 2, 9};
  CHECK(fit_law(three, y, Law::log).r2 == doctest::Approx(1 - 6.0 / 38).epsilon(1e-13));
  const double first = std::cbrt(2.0 / 3);
  const double left =
      std::pow(first - 1, 2) + std::pow(3 * first - 2, 2) + std::pow(9 * first - 9, 2);
  CHECK(fit_law(three, y, Law::power).r2 == doctest::Approx(1 - left / 38).epsilon(1e-12));
}

TEST_CASE("a law needs three points, and a power law positive ones") {
  const std::vector<int64_t> t = {0, 1, 2, 3};
  CHECK(std::isnan(fit_law(t, std::vector<double>{1, 2, NAN, 3}, Law::log).slope));
  CHECK(std::isnan(fit_law(t, std::vector<double>{1, 2, 0, 3}, Law::power).slope));
  CHECK(std::isfinite(fit_law(t, std::vector<double>{0, 1, 2, 3}, Law::power).slope));
}

TEST_CASE("the change point of the Nile is 1899") {
  // Annual flow at Aswan, 1871–1970, 10^8 m³ (Cobb, Biometrika 65, 1978): 1097.75 up to 1898,
  // 849.97 from 1899 on.
  const std::vector<double> flow = {
      1120, 1160, 963, 1210, 1160, 1160, 813,  1230, 1370, 1140, 995,  935,  1110, 994,  1020,
      960,  1180, 799, 958,  1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774,  840,
      874,  694,  940, 833,  701,  916,  692,  1020, 1050, 969,  831,  726,  456,  824,  702,
      1120, 1100, 832, 764,  821,  768,  845,  864,  862,  698,  845,  744,  796,  1040, 759,
      781,  865,  845, 944,  984,  897,  822,  1010, 771,  676,  649,  846,  812,  742,  801,
      1040, 860,  874, 848,  890,  744,  749,  838,  1050, 918,  986,  797,  923,  975,  815,
      1020, 906,  901, 1170, 912,  746,  919,  718,  714,  740};
  std::vector<int64_t> years;
  for (int64_t year = 1871; year <= 1970; ++year) years.push_back(year);
  REQUIRE(flow.size() == years.size());
  const ChangePoint change = find_change_point(years, flow);
  CHECK(change.step == 1899);
  CHECK(change.size == doctest::Approx(849.97 - 1097.75).epsilon(1e-4));
}

}  // namespace waiver
