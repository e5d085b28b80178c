#include "train/adam_rule.h"
#include "train/flat_optimizer.h"

namespace waiver {
namespace {

/// g += weight_decay · w, then Adam's step (Kingma and Ba, 1412.6980): decay as an L2 term of the
/// loss, which the second moment then scales like the rest of the gradient.
class Adam : public FlatOptimizer {
 public:
  void options(FieldVisitor& v) override {
    v.field({"lr", "learning rate", at_least(0)}, lr_);
    rule_.options(v);
    decay_options(v);
  }
  std::vector<std::string> state_names() const override { return {"moment1", "moment2"}; }

  void update_range(Range r, float* w, const float* g, const Update& how) override {
    const AdamRule::Step step = rule_.at(how, lr_);
    const auto scale = static_cast<float>(how.grad_factor), decay = static_cast<float>(r.decay);
    float *m = state_at(0, r.begin), *v = state_at(1, r.begin);
    for (int64_t i = r.begin; i < r.end; ++i, ++m, ++v)
      w[i] -= step(scale * g[i] + decay * w[i], *m, *v);
  }

 private:
  AdamRule rule_;
};

}  // namespace

Registered<Optimizer> adam_kind() {
  return kind_of<Optimizer, Adam>("adam",
                                  "Adam; weight decay is an L2 term of the gradient (1412.6980)");
}

}  // namespace waiver
