#pragma once

#include <algorithm>
#include <span>

#include "autograd/ops/ops.h"

// What losses of logits share, whether all rows of them are there at a time or some.

namespace waiver {

/// log Σ exp(x_v) of V logits.
float log_sum_exp(const float* x, int64_t V);

/// Logits first … last − 1 of a row become the gradient of `scale` times its loss, given the row's
/// log_sum_exp; 0 where it has no target (< 0).
void logits_gradient(float* x, int64_t first, int64_t last, int32_t target, float lse, float scale);

/// The mean of the rows' losses over those that have a target.
struct LossMean {
  float value;
  int64_t count;  // of targets, at least 1

  /// `loss`: of a row that has a target.
  template <class F>
  LossMean(const BatchParts& parts, std::span<const int32_t> targets, ShareOfLoss* share,
           const F& loss)
      : count(std::max<int64_t>(
            1, share ? share->targets
                     : std::ranges::count_if(targets, [](int32_t y) { return y >= 0; }))) {
    const double sum = parts.sum([&](int64_t n) { return targets[n] < 0 ? 0.0 : double{loss(n)}; });
    const auto divisor = static_cast<double>(count);
    value = static_cast<float>(sum / divisor);
    if (share) share->sum = sum, share->divisor = divisor;
  }
};

}  // namespace waiver
