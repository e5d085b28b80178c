#include "train/adam_rule.h"
#include "train/flat_optimizer.h"

namespace waiver {
namespace {

/// w −= lr · weight_decay · w, then Adam's step (Loshchilov and Hutter, 1711.05101).
class AdamW : public FlatOptimizer {
 public:
  AdamW() { weight_decay_ = 1e-4; }
  void options(FieldVisitor& v) override {
    v.field({"lr", "learning rate", at_least(0)}, lr_);
    rule_.options(v);
    decay_options(v);
  }
  std::vector<std::string> state_names() const override { return {"moment1", "moment2"}; }

  void update_range(Range r, float* w, const float* g, const Update& how) override {
    rule_.decoupled(r, w, g, state_at(0, r.begin), state_at(1, r.begin), how, lr_);
  }

 private:
  AdamRule rule_;
};

}  // namespace

Registered<Optimizer> adamw_kind() {
  return kind_of<Optimizer, AdamW>("adamw", "Adam with decoupled weight decay (1711.05101)");
}

}  // namespace waiver
