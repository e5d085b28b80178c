#include "model/attention/normalizer.h"

namespace waiver {
namespace {

/// A_j = max(0, s_j) / n, n the number of keys that the query sees; causal: max(0, s) / (i + 1)
/// (Guo et al., 2410.13835).
class Relu : public Normalizer {
 public:
  bool shares() const override { return false; }
  RowState start(int64_t, int64_t keys, int64_t) const override {
    return {0, static_cast<float>(keys)};
  }
  float extend(RowState&, float* row, int64_t n) const override {
    for (int64_t j = 0; j < n; ++j) row[j] = row[j] <= 0 ? 0.0f : row[j];
    return 1.0f;
  }
  float scale(const RowState& state) const override { return 1.0f / state.sum; }
  void weigh(const RowState& state, const float* scores, float* weights, int64_t n) const override {
    const float scale = 1.0f / state.sum;
    for (int64_t j = 0; j < n; ++j) weights[j] = scores[j] <= 0 ? 0.0f : scale * scores[j];
  }
  void backward(const RowState& state, float, const float*, const float* weights, float* grad,
                int64_t n) const override {
    const float scale = 1.0f / state.sum;
    for (int64_t j = 0; j < n; ++j) grad[j] = weights[j] > 0 ? scale * grad[j] : 0.0f;
  }
};

}  // namespace

Registered<Normalizer> relu_normalizer_kind() {
  return kind_of<Normalizer, Relu>(
      "relu", "max(0, s) / n, n the keys that the query sees (Guo et al., 2410.13835)");
}

}  // namespace waiver
