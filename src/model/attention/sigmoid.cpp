#include <limits>

#include "core/math.h"
#include "model/attention/normalizer.h"

namespace waiver {
namespace {

// σ(s) e^{−top} for top ≤ 0; e^{−top} stays inside the exponent, so nothing overflows.
float scaled_sigmoid(float s, float top) {
  const float below = s < 0 ? s : 0, tail = fast_exp(s < 0 ? s : -s);
  return fast_exp(below - top) / (1.0f + tail);
}

/// A_j = σ(s_j), or σ(s_j) / Σ σ(s) (Gu et al., 2410.10781, §7).
class Sigmoid : public Normalizer {
 public:
  void options(FieldVisitor& v) override {
    v.field(
        {"normalized", "whether a row's weights are divided by their sum (Gu et al., 2410.10781)"},
        normalized_);
  }
  bool shares() const override { return normalized_; }
  RowState start(int64_t, int64_t, int64_t) const override {
    if (!normalized_) return {0, 1};
    return {-std::numeric_limits<float>::infinity(), 0};
  }
  // Where all scores are far below 0, their sigmoids underflow but their ratios do not.
  float extend(RowState& state, float* row, int64_t n) const override {
    float top = state.top, sum = 0;
    if (normalized_)
      for (int64_t j = 0; j < n; ++j) {
        const float below = row[j] < 0 ? row[j] : 0;
        top = below > top ? below : top;
      }
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; ++j) {
      row[j] = scaled_sigmoid(row[j], top);
      sum += row[j];
    }
    if (!normalized_) return 1.0f;
    const float earlier = fast_exp(state.top - top);
    state.top = top;
    state.sum = earlier * state.sum + sum;
    return earlier;
  }
  float scale(const RowState& state) const override { return 1.0f / state.sum; }
  void weigh(const RowState& state, const float* scores, float* weights, int64_t n) const override {
    const float scale = 1.0f / state.sum;
    for (int64_t j = 0; j < n; ++j) weights[j] = scale * scaled_sigmoid(scores[j], state.top);
  }
  bool needs_scores() const override { return true; }
  // σ' = σ (1 − σ), and 1 − σ(s) = σ(−s).
  void backward(const RowState&, float dot, const float* scores, const float* weights, float* grad,
                int64_t n) const override {
    const float shared = normalized_ ? dot : 0.0f;
    for (int64_t j = 0; j < n; ++j)
      grad[j] = weights[j] * scaled_sigmoid(-scores[j], 0) * (grad[j] - shared);
  }

 private:
  bool normalized_ = false;
};

}  // namespace

Registered<Normalizer> sigmoid_kind() {
  return kind_of<Normalizer, Sigmoid>("sigmoid",
                                      "σ(s), or divided by its row's sum (Gu et al., 2410.10781)");
}

}  // namespace waiver
