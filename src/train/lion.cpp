#include "train/flat_optimizer.h"

namespace waiver {
namespace {

/// w −= lr · (sign(β1 m + (1−β1) g) + weight_decay · w);  m = β2 m + (1−β2) g
/// (Chen et al., 2302.06675, algorithm 2).
class Lion : public FlatOptimizer {
 public:
  Lion() { lr_ = 1e-4; }
  void options(FieldVisitor& v) override {
    v.field({"lr", "learning rate: the size of every weight's step", at_least(0)}, lr_);
    v.field({"betas", "decay rates: within the step, and of the moment (2302.06675)",
             from_below(0, 1), 2},
            betas_);
    decay_options(v);
  }
  std::vector<std::string> state_names() const override { return {"moment"}; }

  void update_range(Range r, float* w, const float* g, const Update& how) override {
    const auto b1 = static_cast<float>(betas_[0]), b2 = static_cast<float>(betas_[1]);
    const auto lr = static_cast<float>(lr_ * how.lr_factor);
    const auto keep = static_cast<float>(1.0 - lr_ * how.lr_factor * r.decay);
    const auto scale = static_cast<float>(how.grad_factor);
    float* m = state_at(0, r.begin);
    for (int64_t i = r.begin; i < r.end; ++i, ++m) {
      const float grad = scale * g[i], c = b1 * *m + (1.0f - b1) * grad;
      w[i] = keep * w[i] - (c > 0 ? lr : c < 0 ? -lr : 0.0f);
      *m = b2 * *m + (1.0f - b2) * grad;
    }
  }

 private:
  std::vector<double> betas_ = {0.9, 0.99};
};

}  // namespace

Registered<Optimizer> lion_kind() {
  return kind_of<Optimizer, Lion>("lion", "the sign of a moment; one state array (2302.06675)");
}

}  // namespace waiver
