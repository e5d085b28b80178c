#pragma once

#include "core/arena.h"
#include "train/optimizer.h"

namespace waiver {

/// An optimizer whose rule treats every weight alike: one pass over flat memory, in fixed ranges.
class FlatOptimizer : public Optimizer {
 public:
  double lr() const override { return lr_; }
  void build(const ParameterSet& parameters) override;
  void update(ParameterSet& parameters, const Update& how) override;
  std::vector<State> state() override;

 protected:
  /// Weights [begin, end) of one parameter, and their weight decay.
  struct Range {
    int64_t begin, end;
    double decay;
  };
  virtual std::vector<std::string> state_names() const = 0;
  virtual void update_range(Range range, float* weights, const float* grads, const Update& how) = 0;
  void decay_options(FieldVisitor& v);
  float* state_data(int which) const { return states_[which].data; }

  double lr_ = 3e-4;
  double weight_decay_ = 0.0;

 private:
  std::string decay_ = "all";
  std::shared_ptr<Arena> memory_;
  std::vector<Tensor> states_;
  std::vector<Range> ranges_;
};

}  // namespace waiver
