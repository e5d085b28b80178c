#include "train/flat_optimizer.h"

namespace waiver {
namespace {

/// g += weight_decay · w;  u = momentum · u + g;  w −= lr · u, or with Nesterov's look ahead
/// w −= lr · (g + momentum · u)  (PyTorch's form; Sutskever et al., ICML 2013).
class Sgd : public FlatOptimizer {
 public:
  void options(FieldVisitor& v) override {
    v.field({"lr", "learning rate", at_least(0)}, lr_);
    v.field({"momentum", "share of the previous step that is kept (Sutskever et al., ICML 2013)",
             from_below(0, 1)},
            momentum_);
    v.field({"nesterov",
             "whether the step looks one step of momentum ahead (Sutskever et al., ICML "
             "2013)"},
            nesterov_);
    decay_options(v);
  }
  std::string refuse() const override {
    return nesterov_ && momentum_ == 0 ? "nesterov needs a momentum above 0" : "";
  }
  std::vector<std::string> state_names() const override { return {"velocity"}; }

  void update_range(Range r, float* w, const float* g, const Update& how) override {
    const auto lr = static_cast<float>(lr_ * how.lr_factor);
    const auto scale = static_cast<float>(how.grad_factor), decay = static_cast<float>(r.decay);
    const auto momentum = static_cast<float>(momentum_);
    float* u = state_at(0, r.begin);
    for (int64_t i = r.begin; i < r.end; ++i, ++u) {
      const float grad = scale * g[i] + decay * w[i];
      *u = momentum * *u + grad;
      w[i] -= lr * (nesterov_ ? grad + momentum * *u : *u);
    }
  }

 private:
  double momentum_ = 0.9;
  bool nesterov_ = false;
};

}  // namespace

Registered<Optimizer> sgd_kind() {
  return kind_of<Optimizer, Sgd>(
      "sgd", "gradient descent with momentum, Nesterov's if wanted (Sutskever et al., ICML 2013)");
}

}  // namespace waiver
