// When a series changed: crossings, change points, and how well a median over seeds is known.
#include "probe/events/onset.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/random.h"
#include "core/statistics/bootstrap.h"
#include "probe/events/change_point.h"
#include "probe/events/event.h"

using namespace waiver;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::vector<int64_t> kSteps = {0, 10, 20, 30, 40, 50, 60};

// The definition: the error of every split, added up afresh.
ChangePoint by_definition(const std::vector<int64_t>& steps, const std::vector<double>& x) {
  const auto part = [&](size_t begin, size_t end) {
    const double mean = std::accumulate(&x[begin], &x[begin] + (end - begin), 0.0) / (end - begin);
    double error = 0;
    for (size_t i = begin; i < end; ++i) error += (x[i] - mean) * (x[i] - mean);
    return std::pair(mean, error);
  };
  const double total = part(0, x.size()).second;
  double least = kInfinity;
  ChangePoint found;
  for (size_t m = 1; m < x.size(); ++m) {
    const auto [before, left] = part(0, m);
    const auto [after, right] = part(m, x.size());
    if (left + right >= least) continue;
    least = left + right;
    found = {steps[m], after - before, 1 - least / total};
  }
  return found;
}

bool same(const Interval& a, double median, double low, double high) {
  return a.estimate == median && a.low == low && a.high == high;
}

}  // namespace

TEST_CASE("an onset is the first step of three probes above the threshold") {
  const auto onset = [&](std::vector<double> values) { return find_onset(kSteps, values, 0.3); };
  CHECK(onset({0, 0.1, 0.4, 0.5, 0.6, 0.7, 0.8}).step == 20);
  CHECK(onset({0, 0.1, 0.4, 0.5, 0.6, 0.7, 0.8}).before == 0.1);
  CHECK(onset({0, 0.1, 0.4, 0.5, 0.6, 0.7, 0.8}).after == 0.4);
  CHECK(onset({0, 0.4, 0.4, 0.1, 0.6, 0.7, 0.8}).step == 40);
  CHECK(onset({0, 0, 0, 0, 0, 0.7, 0.8}).step == -1);
  CHECK(std::isnan(onset({0, 0, 0, 0, 0, 0.7, 0.8}).before));
  CHECK(onset({0.5, 0.5, 0.5, 0, 0, 0, 0}).step == 0);
  CHECK(onset({0.5, 0.5, 0.5, 0, 0, 0, 0}).before == 0.5);
  CHECK(onset({0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3}).step == -1);
}

TEST_CASE("a falling onset is the same rule below the threshold") {
  const auto onset = [&](std::vector<double> values) {
    return find_onset(kSteps, values, 0.5, Side::below);
  };
  CHECK(onset({1, 0.9, 0.4, 0.3, 0.2, 0.2, 0.2}).step == 20);
  CHECK(onset({1, 0.9, 0.4, 0.3, 0.2, 0.2, 0.2}).before == 0.9);
  CHECK(onset({1, 0.4, 0.4, 0.6, 0.2, 0.2, 0.2}).step == 40);
  CHECK(onset({0.4, 0.4, 0.4, 1, 1, 1, 1}).step == 0);
  CHECK(onset({0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}).step == -1);
  CHECK(onset({1, 1, 1, 1, 1, 0.2, 0.2}).step == -1);
  // Mirrored, it is the rising one.
  std::vector<double> falling(7), rising(7);
  const Random random(3, "series");
  for (uint64_t trial = 0; trial < 200; ++trial) {
    for (size_t i = 0; i < 7; ++i) rising[i] = -(falling[i] = random.normal(7 * trial + i));
    CHECK(find_onset(kSteps, falling, 0.2, Side::below).step ==
          find_onset(kSteps, rising, -0.2, Side::above).step);
  }
}

TEST_CASE("a NaN is on neither side of a threshold") {
  const std::vector<double> gap = {9, 9, NAN, 9, 9, 9, NAN}, none(7, NAN);
  for (const Side side : {Side::above, Side::below}) {
    CHECK(find_onset(kSteps, gap, side == Side::above ? 1.0 : 10.0, side).step == 30);
    CHECK(find_onset(kSteps, none, 0.0, side).step == -1);
  }
  CHECK(find_onset({}, {}, 0.0).step == -1);
}

TEST_CASE("the change point is the split into two constants with the least error") {
  const ChangePoint step = find_change_point(kSteps, std::vector<double>{2, 2, 2, 5, 5, 5, 5});
  CHECK(step.step == 30);
  CHECK(step.size == doctest::Approx(3).epsilon(1e-15));
  CHECK(step.explained == doctest::Approx(1).epsilon(1e-15));
  // 9 8 9 9 | 0 0 1: means 35/4 and 1/3, squared errors 3/4 and 2/3.
  const ChangePoint drop = find_change_point(kSteps, std::vector<double>{9, 8, 9, 9, 0, 0, 1});
  CHECK(drop.step == 40);
  CHECK(drop.size == doctest::Approx(1.0 / 3 - 35.0 / 4).epsilon(1e-15));
  const double total = 308 - 36.0 * 36 / 7;
  CHECK(drop.explained == doctest::Approx(1 - (2.0 / 3 + 0.75) / total).epsilon(1e-14));

  const Random random(1, "noise");
  std::vector<int64_t> steps(40);
  std::iota(steps.begin(), steps.end(), 100);
  for (uint64_t trial = 0; trial < 50; ++trial) {
    std::vector<double> x(40);
    // Far from zero, so that sums of squares alone would lose the digits.
    for (size_t i = 0; i < 40; ++i) x[i] = 1000 + random.normal(40 * trial + i) + (i > trial / 2);
    const ChangePoint fast = find_change_point(steps, x), slow = by_definition(steps, x);
    CHECK(fast.step == slow.step);
    CHECK(fast.size == doctest::Approx(slow.size).epsilon(1e-10));
    CHECK(fast.explained == doctest::Approx(slow.explained).epsilon(1e-10));
  }
}

TEST_CASE("change points: equals, constants, missing values, short series") {
  // 0 3 0 splits as well after the first as after the second value.
  const std::vector<int64_t> three = {0, 10, 20};
  CHECK(find_change_point(three, std::vector<double>{0, 3, 0}).step == 10);
  CHECK(find_change_point(three, std::vector<double>{0, 3, 0}).size == 1.5);
  for (const std::vector<double>& still : {std::vector<double>(7, 0.1), std::vector<double>(7, NAN),
                                           std::vector<double>{NAN, NAN, 3, NAN, NAN, NAN, NAN}}) {
    const ChangePoint none = find_change_point(kSteps, still);
    CHECK(none.step == -1);
    CHECK(none.size == 0);
    CHECK(none.explained == 0);
  }
  CHECK(find_change_point({}, {}).step == -1);
  const ChangePoint gap =
      find_change_point(kSteps, std::vector<double>{NAN, 1, 1, NAN, kInfinity, 4, 4});
  CHECK(gap.step == 50);
  CHECK(gap.size == doctest::Approx(3).epsilon(1e-15));
  CHECK(gap.explained == doctest::Approx(1).epsilon(1e-15));
}

TEST_CASE("the bootstrap of equal values has no width, and nothing has no median") {
  CHECK(same(bootstrap(std::vector<double>(5, 170.0)), 170, 170, 170));
  CHECK(same(bootstrap(std::vector<double>{80}), 80, 80, 80));
  CHECK(same(bootstrap(std::vector<double>(3, kInfinity)), kInfinity, kInfinity, kInfinity));
  CHECK(std::isnan(bootstrap({}).estimate));
  CHECK(std::isnan(bootstrap({}).low));
}

TEST_CASE("of three values the 95 % interval is the range, in any order, and narrower levels too") {
  // The median of a resample of three is its least value with probability 7/27.
  for (const std::vector<double>& three :
       {std::vector<double>{110, 170, 200}, std::vector<double>{200, 110, 170}})
    CHECK(same(bootstrap(three), 170, 110, 200));
  CHECK(same(bootstrap(std::vector<double>{110, 170, 200}, Statistic::median, 0.4), 170, 170, 170));
  CHECK(same(bootstrap(std::vector<double>{110, 170, 200}, Statistic::median, 0.6), 170, 110, 200));
}

TEST_CASE("what never came counts as later than everything") {
  CHECK(same(bootstrap(std::vector<double>{260, kInfinity, 430}), 430, 260, kInfinity));
  CHECK(same(bootstrap(std::vector<double>{260, kInfinity, kInfinity}), kInfinity, 260, kInfinity));
  // Of an even number the mean of the middle two: never, where one of them is.
  CHECK(bootstrap(std::vector<double>{260, kInfinity}).estimate == kInfinity);
  CHECK(bootstrap(std::vector<double>{10, 20, 40, kInfinity}).estimate == 30);
}

TEST_CASE("the interval covers the median of what was drawn about as often as it says") {
  const Random random(5, "samples");
  const auto coverage = [&](int64_t n, int64_t trials) {
    int64_t covered = 0;
    for (int64_t trial = 0; trial < trials; ++trial) {
      std::vector<double> x(n);
      for (int64_t i = 0; i < n; ++i) x[i] = random.normal((trial << 8 | n) << 8 | i);
      const Interval found = bootstrap(x);
      covered += found.low <= 0 && 0 <= found.high;
    }
    return static_cast<double>(covered) / static_cast<double>(trials);
  };
  // One standard deviation of a count of 200 at .95 is .015.
  CHECK(coverage(21, 200) == doctest::Approx(0.95).epsilon(0.04));
  // Three values: all on one side of the median with probability 1/4; a deviation of 400 is .022.
  CHECK(coverage(3, 400) == doctest::Approx(0.75).epsilon(0.06));
}

TEST_CASE("the same sample has the same interval, and a higher level a wider one") {
  const std::vector<double> x = {0.1, 0.7, 0.2, 1.9, 0.3, 0.25, 1.1, 0.05};
  const Interval once = bootstrap(x), again = bootstrap(x),
                 narrow = bootstrap(x, Statistic::median, 0.5);
  CHECK(same(once, again.estimate, again.low, again.high));
  CHECK(once.estimate == 0.275);
  CHECK(once.low < narrow.low);
  CHECK(narrow.low < 0.275);
  CHECK(0.275 < narrow.high);
  CHECK(narrow.high < once.high);
}

TEST_CASE("an event joins the onset and the change point of its quantity") {
  ProbeConfig config;
  config.sink_threshold = 0.95;  // of the sink rate, which is another question
  config.waiver.received_attention = 0.25;
  const std::vector<double> x = {0.9, 0.9, 0.4, 0.3, 0.1, 0.1, 0.1};
  int found = 0;
  for (const EventKind& kind : event_kinds(config)) {
    const Event event = find_event(kind, kSteps, x);
    CHECK(event.change.step == 20);
    if (kind.name == "risk") found += event.onset.step == 0;    // below 1 nat from the first
    if (kind.name == "value") found += event.onset.step == 20;  // below 0.5
    if (kind.name == "sink") found += event.onset.step == 0;    // four probes above 0.25
    if (kind.name == "enrichment") found += event.onset.step == -1;
    if (kind.name == "residual") found += event.onset.step == -1;
  }
  CHECK(found == 5);
}
