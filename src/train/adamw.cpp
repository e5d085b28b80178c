#include <cmath>

#include "train/registry.h"

namespace waiver {
namespace {

/// m = β1 m + (1−β1) g;  v = β2 v + (1−β2) g²;  w −= lr · weight_decay · w;
/// w −= lr · m̂ / (√v̂ + eps), m̂ = m / (1−β1^t), v̂ = v / (1−β2^t)  (Loshchilov and Hutter,
/// 1711.05101).
class AdamW : public FlatOptimizer {
 public:
  AdamW() { weight_decay_ = 1e-4; }
  std::unique_ptr<Optimizer> clone() const override { return std::make_unique<AdamW>(*this); }
  void options(FieldVisitor& v) override {
    v.field("lr", lr_, at_least(0), "learning rate");
    v.field("betas", betas_, 2, from_below(0, 1), "memory of the first and second moment");
    v.field("eps", eps_, above(0), "added to the root of the second moment");
    decay_options(v);
  }
  std::vector<std::string> state_names() const override { return {"moment1", "moment2"}; }

  void update_range(Range r, float* w, const float* g, const Update& how) override {
    const double t = static_cast<double>(how.step + 1), lr = lr_ * how.lr_factor;
    const auto b1 = static_cast<float>(betas_[0]), b2 = static_cast<float>(betas_[1]);
    const auto rate = static_cast<float>(lr / (1.0 - std::pow(betas_[0], t)));
    const auto root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(betas_[1], t)));
    const auto keep = static_cast<float>(1.0 - lr * r.decay), eps = static_cast<float>(eps_);
    const auto scale = static_cast<float>(how.grad_factor);
    float *m = state_data(0), *v = state_data(1);
    for (int64_t i = r.begin; i < r.end; ++i) {
      const float grad = scale * g[i];
      m[i] = b1 * m[i] + (1.0f - b1) * grad;
      v[i] = b2 * v[i] + (1.0f - b2) * grad * grad;
      w[i] = keep * w[i] - rate * m[i] / (root * std::sqrt(v[i]) + eps);
    }
  }

 private:
  std::vector<double> betas_ = {0.9, 0.99};
  double eps_ = 1e-8;
};

}  // namespace

std::unique_ptr<Optimizer> make_adamw() { return std::make_unique<AdamW>(); }

}  // namespace waiver
