#include "train/flat_optimizer.h"

#include <algorithm>

#include "core/threads.h"

namespace waiver {
namespace {
constexpr int64_t kRange = 1 << 14;
}

void FlatOptimizer::build(const ParameterSet& parameters, uint64_t seed) {
  ArrayOptimizer::build(parameters, seed);
  ranges_.clear();
  for (const Parameter& p : parameters.all()) {
    if (!p.variable.wants_grad()) continue;
    const int64_t begin = parameters.offset(p), end = begin + p.shape.size();
    for (int64_t at = begin; at < end; at += kRange)
      ranges_.push_back({at, std::min(end, at + kRange), decay_of(p)});
  }
}

void FlatOptimizer::update(ParameterSet& parameters, const Update& how) {
  float* weights = parameters.values().data();
  const float* grads = parameters.grads().data();
  parallel_tiles(std::ssize(ranges_),
                 [&](int64_t i) { update_range(ranges_[i], weights, grads, how); });
}

}  // namespace waiver
