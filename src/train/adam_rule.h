#pragma once

#include <cmath>

#include "train/array_optimizer.h"

namespace waiver {

/// What the Adam family shares (Kingma and Ba, 1412.6980):
///   m = β1 m + (1−β1) g;  v = β2 v + (1−β2) g²;
///   step = lr · m̂ / (√v̂ + eps), m̂ = m / (1−β1^t), v̂ = v / (1−β2^t).
class AdamRule {
 public:
  void options(FieldVisitor& v) {
    v.field(
        {"betas", "decay rates of the first and second moment (1412.6980)", from_below(0, 1), 2},
        betas_);
    v.field({"eps", "added to the root of the second moment (1412.6980)", above(0)}, eps_);
  }

  /// The rule for one update: updates the moments with g and returns the step, to be subtracted.
  struct Step {
    float b1, b2, rate, root, eps;
    float operator()(float g, float& m, float& v) const {
      m = b1 * m + (1.0f - b1) * g;
      v = b2 * v + (1.0f - b2) * g * g;
      return rate * m / (root * std::sqrt(v) + eps);
    }
  };
  Step at(const Update& how, double lr) const {
    const double t = static_cast<double>(how.step + 1);
    const double rate = lr * how.lr_factor / (1.0 - std::pow(betas_[0], t));
    const double root = 1.0 / std::sqrt(1.0 - std::pow(betas_[1], t));
    return {static_cast<float>(betas_[0]), static_cast<float>(betas_[1]), static_cast<float>(rate),
            static_cast<float>(root), static_cast<float>(eps_)};
  }

  /// AdamW (1711.05101) on a range: w −= lr · weight_decay · w + step. The moments are those of the
  /// range alone.
  void decoupled(const ArrayOptimizer::Range& r, float* w, const float* g, float* m, float* v,
                 const Update& how, double lr) const {
    const Step step = at(how, lr);
    const auto keep = static_cast<float>(1.0 - lr * how.lr_factor * r.decay);
    const auto scale = static_cast<float>(how.grad_factor);
    for (int64_t i = r.begin; i < r.end; ++i, ++m, ++v)
      w[i] = keep * w[i] - step(scale * g[i], *m, *v);
  }

 private:
  std::vector<double> betas_ = {0.9, 0.99};
  double eps_ = 1e-8;
};

}  // namespace waiver
