#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace waiver {

/// The median, of an even number the mean of the two in the middle; NaN where one of them is.
/// Reorders `x`. REQUIRES: not empty.
double median(std::vector<double>& x);

/// Σ x ÷ n, added up in order. REQUIRES: not empty.
double mean(std::span<const double> x);

/// The number nearest to rank p · (n − 1), ranks from 0, halves up: one of them, with nothing
/// interpolated. Reorders `x`. REQUIRES: not empty, no NaN, 0 ≤ p ≤ 1.
double quantile(std::vector<double>& x, double p);

/// Where the median stands, of an even number the lower of the two in the middle. REQUIRES: not
/// empty, no NaN.
size_t median_index(std::span<const double> x);

/// Ranks from 0; equal numbers share the mean of theirs.
std::vector<double> ranks(std::span<const double> x);

/// Spearman's rank correlation: Pearson's of the ranks; 0 where one side is constant. REQUIRES: as
/// many of one as of the other.
double rank_correlation(std::span<const double> x, std::span<const double> y);

}  // namespace waiver
