#pragma once

#include <cmath>
#include <cstdint>
#include <span>

namespace waiver {

/// Resamples of a bootstrap, and the share of them that an interval covers.
inline constexpr int64_t kResamples = 10000;
inline constexpr double kLevel = 0.95;

/// The median of a sample and its interval; all NaN for an empty sample.
struct MedianInterval {
  double median = NAN, low = NAN, high = NAN;
};

/// The median and its percentile bootstrap interval (Efron & Tibshirani, An Introduction to the
/// Bootstrap, 1993, ch. 13): kResamples times n of the n values are drawn with replacement and
/// their median is taken; the interval runs from quantile a of these medians to quantile 1 − a, a =
/// (1 − level) ÷ 2 (core/statistics.h). The median of an even number is the mean of the two in the
/// middle.
///
/// A value that was not reached within the run is censored and enters as +∞: later than all others.
/// It can make the median, or the upper end, infinite: "from 170 to never". REQUIRES: no −∞ or NaN
/// among the values.
///
/// The draws are a function of the position in the sample alone (core/random.h, a fixed seed), so
/// the same sample always has the same interval. Few values say little: for three, the 95 %
/// interval is their range, which contains the median of the distribution they were drawn from 3
/// times in 4.
MedianInterval bootstrap_median(std::span<const double> sample, double level = kLevel);

}  // namespace waiver
