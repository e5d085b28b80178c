#pragma once

#include <cmath>
#include <limits>

#include "core/math.h"
#include "model/attention/normalizer.h"

namespace waiver {

/// A_j = e^{s_j − top} / sum: softmax and its relatives, which differ in the state that a row
/// starts from. The largest exponent is subtracted, so scores of any size are safe.
class Exponential : public Normalizer {
 public:
  RowState start(int64_t, int64_t, int64_t) const override {
    return {-std::numeric_limits<float>::infinity(), 0};
  }

  float extend(RowState& state, float* row, int64_t n) const override {
    float top = state.top, sum = 0;
#pragma omp simd reduction(max : top)
    for (int64_t j = 0; j < n; ++j) top = row[j] > top ? row[j] : top;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < n; ++j) {
      row[j] = fast_exp_to_88(row[j] - top);
      sum += row[j];
    }
    const float earlier = fast_exp_to_88(state.top - top);
    state.top = top;
    state.sum = earlier * state.sum + sum;
    return earlier;
  }
  float scale(const RowState& state) const override { return 1.0f / state.sum; }

  // No score exceeds `top` but by the rounding of a product.
  void weigh(const RowState& state, const float* scores, float* weights, int64_t n) const override {
    const float scale = 1.0f / state.sum, top = state.top;
    for (int64_t j = 0; j < n; ++j) weights[j] = scale * fast_exp_to_88(scores[j] - top);
  }
  void backward(const RowState&, float dot, const float*, const float* weights, float* grad,
                int64_t n) const override {
    for (int64_t j = 0; j < n; ++j) grad[j] = weights[j] * (grad[j] - dot);
  }
};

}  // namespace waiver
