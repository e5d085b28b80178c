#include <cmath>

#include "core/math.h"
#include "model/attention/normalizer.h"

namespace waiver {
namespace {

// (e^s − 1) e^{−top}, top ≥ max(0, s), low = e^{−top}. The difference of the two powers would
// cancel near 0 and carry the rounding of s − top; it is used only where e^s swamps the 1, before
// e^s overflows.
float shifted(float s, float top, float low) {
  const float product = fast_expm1(s) * low, difference = fast_exp(s - top) - low;
  return s < 40.0f ? product : difference;
}

/// A_j = ReLU(e^{s_j} − 1) / (Σ |e^s − 1| + ε), computed with e^{s−m} − e^{−m}, m = max(0, max s)
/// (Zuhri et al., 2504.20966).
class Softpick : public Normalizer {
 public:
  void options(FieldVisitor& v) override {
    v.field({"eps", "added to the sum that weights are divided by (2504.20966)", above(0)}, eps_);
  }
  RowState start(int64_t, int64_t, int64_t) const override { return {}; }
  float extend(RowState& state, float* row, int64_t n) const override {
    float top = state.top, sum = 0;
#pragma omp simd reduction(max : top)
    for (int64_t j = 0; j < n; ++j) top = row[j] > top ? row[j] : top;
    const float low = fast_exp(-top);
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; ++j) {
      const float x = shifted(row[j], top, low);
      row[j] = x <= 0 ? 0.0f : x;
      sum += std::abs(x);
    }
    const float earlier = fast_exp(state.top - top);
    state.top = top;
    state.sum = earlier * state.sum + sum;
    return earlier;
  }
  float scale(const RowState& state) const override {
    return 1.0f / (state.sum + static_cast<float>(eps_));
  }
  void weigh(const RowState& state, const float* scores, float* weights, int64_t n) const override {
    const float scale = this->scale(state), top = state.top, low = fast_exp(-top);
    for (int64_t j = 0; j < n; ++j) {
      const float x = shifted(scores[j], top, low);
      weights[j] = x <= 0 ? 0.0f : scale * x;
    }
  }
  bool needs_scores() const override { return true; }
  // With Z the sum and e = e^{s_j − m}: ∂L/∂s_j = e ([s_j > 0] ∂L/∂A_j − sign(s_j) dot) / Z.
  void backward(const RowState& state, float dot, const float* scores, const float*, float* grad,
                int64_t n) const override {
    const float scale = this->scale(state), top = state.top;
    for (int64_t j = 0; j < n; ++j) {
      const float e = scale * fast_exp(scores[j] - top);
      grad[j] = e * (scores[j] > 0 ? grad[j] - dot : (scores[j] < 0 ? dot : 0.0f));
    }
  }

 private:
  double eps_ = 1e-6;
};

}  // namespace

Registered<Normalizer> softpick_kind() {
  return kind_of<Normalizer, Softpick>(
      "softpick", "ReLU(e^s − 1) / (Σ |e^s − 1| + eps) (Zuhri et al., 2504.20966)");
}

}  // namespace waiver
