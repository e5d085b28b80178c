#include <algorithm>

#include "model/attention/exponential.h"
#include "model/attention/normalizer.h"

namespace waiver {
namespace {

/// A_j = clip((ζ − γ) p_j + γ, 0, 1), p = softmax(s), γ = −α / T: weights below about α / T become
/// exactly 0 (Bondarenko et al., 2306.12929, §4.1).
class Clipped : public Exponential {
 public:
  void options(FieldVisitor& v) override {
    v.field({"alpha",
             "γ = −alpha / T, T the tokens of the sequence, prepended ones included (2306.12929)",
             at_least(0)},
            alpha_);
    v.field(
        {"zeta", "the value to which a softmax weight of 1 is stretched (2306.12929)", at_least(1)},
        zeta_);
  }
  RowState start(int64_t, int64_t, int64_t tokens) const override {
    return {-std::numeric_limits<float>::infinity(), 0, static_cast<float>(tokens)};
  }
  bool two_passes() const override { return true; }
  bool needs_scores() const override { return true; }
  void weigh(const RowState& state, const float* scores, float* weights, int64_t n) const override {
    const float low = gamma(state), stretch = static_cast<float>(zeta_) - low;
    Exponential::weigh(state, scores, weights, n);
    for (int64_t j = 0; j < n; ++j) {
      const float raw = stretch * weights[j] + low;
      weights[j] = raw <= 0 ? 0.0f : (raw >= 1 ? 1.0f : raw);
    }
  }
  float partial_dot(const RowState& state, const float* scores, const float* grad,
                    int64_t n) const override {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; ++j) sum += passed(state, scores[j], grad[j]).dot;
    return sum;
  }
  void backward(const RowState& state, float dot, const float* scores, const float*, float* grad,
                int64_t n) const override {
    for (int64_t j = 0; j < n; ++j) {
      const Passed p = passed(state, scores[j], grad[j]);
      grad[j] = p.dot - p.weight * dot;
    }
  }

 private:
  float gamma(const RowState& state) const { return static_cast<float>(-alpha_) / state.size; }
  // A softmax weight p, and p ∂L/∂p, which is 0 where p is clipped.
  struct Passed {
    float weight, dot;
  };
  Passed passed(const RowState& state, float score, float grad) const {
    const float low = gamma(state), stretch = static_cast<float>(zeta_) - low;
    const float p = fast_exp(score - state.top) / state.sum, raw = stretch * p + low;
    return {p, raw > 0 && raw < 1 ? p * stretch * grad : 0.0f};
  }

  double alpha_ = 12, zeta_ = 1;
};

}  // namespace

Registered<Normalizer> clipped_kind() {
  return kind_of<Normalizer, Clipped>(
      "clipped", "clip((ζ − γ) softmax(s) + γ, 0, 1), γ = −α / T (Bondarenko et al., 2306.12929)");
}

}  // namespace waiver
