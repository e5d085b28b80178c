#include "train/flat_optimizer.h"

#include "core/threads.h"

namespace waiver {

std::vector<int64_t> FlatOptimizer::cuts(const ParameterSet& parameters) const {
  constexpr int64_t apart = 1 << 10;
  const int64_t size = std::ssize(parameters.values());
  std::vector<int64_t> out;
  for (int64_t at = 0; at < size; at += apart) out.push_back(at);
  out.push_back(size);
  return out;
}

void FlatOptimizer::build(const ParameterSet& parameters, uint64_t seed, const Slice& own) {
  ArrayOptimizer::build(parameters, seed, own);
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
