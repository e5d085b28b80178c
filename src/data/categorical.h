#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace waiver {

/// A distribution over 0 … n − 1, sampled through its cumulative sums.
class Sampler {
 public:
  Sampler() = default;
  /// Weights ≥ 0 with a positive sum; they are normalised.
  explicit Sampler(std::span<const double> weights);

  /// The outcome for u ∈ [0, 1).
  int32_t operator()(double u) const;
  /// 0 beyond the last outcome.
  double probability(int64_t outcome) const {
    if (outcome >= std::ssize(cumulative_)) return 0.0;
    return cumulative_[outcome] - (outcome ? cumulative_[outcome - 1] : 0.0);
  }

 private:
  std::vector<double> cumulative_;
};

}  // namespace waiver
