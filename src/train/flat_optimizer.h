#pragma once

#include "train/array_optimizer.h"

namespace waiver {

/// An optimizer whose rule treats every weight alike: one pass over flat memory, in fixed ranges,
/// which may be cut anywhere.
class FlatOptimizer : public ArrayOptimizer {
 public:
  std::vector<int64_t> cuts(const ParameterSet& parameters) const override;
  using Optimizer::build;
  void build(const ParameterSet& parameters, uint64_t seed, const Slice& own) override;
  void update(ParameterSet& parameters, const Update& how) override;

 protected:
  virtual void update_range(Range range, float* weights, const float* grads, const Update& how) = 0;

 private:
  std::vector<Range> ranges_;
};

}  // namespace waiver
