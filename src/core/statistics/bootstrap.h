#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "core/fields/fields.h"

namespace waiver {

/// Resamples of a bootstrap, and the share of them that an interval covers.
inline constexpr int64_t kResamples = 10000;
inline constexpr double kLevel = 0.95;

/// What stands for a sample: of an even number, the median is the mean of the two in the middle.
enum class Statistic { median, mean };
std::span<const Choice> words(Statistic);

/// A statistic of a sample and its interval; all NaN for an empty sample.
struct Interval {
  double estimate = NAN, low = NAN, high = NAN;
};

/// The statistic and its percentile bootstrap interval (Efron & Tibshirani, An Introduction to the
/// Bootstrap, 1993, ch. 13): kResamples times n of the n values are drawn with replacement and
/// their statistic is taken; the interval runs from quantile a of these to quantile 1 − a, a =
/// (1 − level) ÷ 2 (order.h). Not BCa: its acceleration comes from the jackknife, which
/// fails for a median and has no meaning where values are infinite.
///
/// A value that was not reached within the run is censored and enters as +∞: later than all others.
/// It can make the statistic, or the upper end, infinite: "from 170 to never". Where −∞ and +∞
/// leave the statistic undefined, it is NaN, and in a resample it reaches from −∞ to +∞. REQUIRES:
/// no NaN among the values.
///
/// The draws are a function of the position in the sample alone (core/random.h, a fixed seed), so
/// the same sample always has the same interval. Few values say little: for three, the 95 %
/// interval of the median is their range, which contains the median of the distribution they were
/// drawn from 3 times in 4.
Interval bootstrap(std::span<const double> sample, Statistic statistic = Statistic::median,
                   double level = kLevel);

}  // namespace waiver
