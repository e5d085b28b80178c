#pragma once

#include <span>
#include <vector>

#include "core/statistics/bootstrap.h"

namespace waiver {

/// How one number of a pair stands to the other: x − y or x ÷ y.
enum class Comparison { difference, ratio };
std::span<const Choice> words(Comparison);

/// x − y or x ÷ y; NaN where it is undefined: of two infinities, or 0 ÷ 0.
double compared(Comparison how, double x, double y);

/// The exact two-sided p of the sign-flip test (Fisher, The Design of Experiments, 1935, §21): the
/// share of the 2ⁿ ways to give the n differences signs whose sum is at least as far from 0 as
/// theirs. Beyond kExactPairs of kResamples random ways and the one found, by seeded draws. Of n
/// pairs it is never below 2^(1 − n): five cannot show 0.05. NaN for none, and where one is not
/// finite.
inline constexpr int64_t kExactPairs = 20;
double sign_flip_p(std::span<const double> differences);

/// Runs with the same seed, compared pair by pair.
struct Paired {
  std::vector<double> each;  // of every pair; NaN: undefined
  Interval interval;         // of the statistic over those that are defined
  double p = NAN;            // sign_flip_p of the differences x − y, or of log x − log y
};
/// REQUIRES: as many of one as of the other.
Paired compare_pairs(std::span<const double> x, std::span<const double> y, Comparison how,
                     Statistic statistic = Statistic::median);

}  // namespace waiver
