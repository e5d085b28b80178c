#include "data/categorical.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace waiver {

Sampler::Sampler(std::span<const double> weights) : cumulative_(weights.size()) {
  std::partial_sum(weights.begin(), weights.end(), cumulative_.begin());
  const double total = cumulative_.empty() ? 0.0 : cumulative_.back();
  if (!(total > 0)) throw Error("data", "a distribution without any weight cannot be drawn from");
  for (double& c : cumulative_) c /= total;
}

int32_t Sampler::operator()(double u) const {
  // The first outcome whose cumulative sum exceeds u: outcomes of weight 0 are never drawn.
  const auto at = std::upper_bound(cumulative_.begin(), cumulative_.end(), u);
  return static_cast<int32_t>(std::min(at - cumulative_.begin(), std::ssize(cumulative_) - 1));
}

}  // namespace waiver
