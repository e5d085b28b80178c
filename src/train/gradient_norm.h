#pragma once

#include <span>
#include <vector>

#include "train/optimizer.h"

namespace waiver {

/// √Σ g² over all gradients, in double: sums over fixed ranges, added in their order. Ranks sum the
/// ranges that begin in their slices.
class GradientNorm {
 public:
  explicit GradientNorm(int64_t size);

  /// Sums the ranges that begin in `own`. REQUIRES: all numbers of those ranges are there.
  void add(std::span<const float> gradients, const Slice& own);
  /// Their sums.
  std::span<double> ranges(const Slice& slice);
  double value() const;
  /// Where the range ends that the number before `end` is in.
  static int64_t end_of_last(int64_t end);

 private:
  std::vector<double> sums_;
};

}  // namespace waiver
