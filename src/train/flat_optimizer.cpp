#include "train/flat_optimizer.h"

#include "core/threads.h"

namespace waiver {

void FlatOptimizer::build(const ParameterSet& parameters, uint64_t seed) {
  ArrayOptimizer::build(parameters, seed);
  ranges_.clear();
  for (const Parameter& p : parameters.all()) {
    if (!p.variable.wants_grad()) continue;
    const std::vector<Range> ranges = ranges_of(parameters, p);
    ranges_.insert(ranges_.end(), ranges.begin(), ranges.end());
  }
}

void FlatOptimizer::update(ParameterSet& parameters, const Update& how) {
  float* weights = parameters.values().data();
  const float* grads = parameters.grads().data();
  parallel_tiles(std::ssize(ranges_),
                 [&](int64_t i) { update_range(ranges_[i], weights, grads, how); });
}

}  // namespace waiver
