#include "core/math.h"
#include "model/attention/normalizer.h"

namespace waiver {
namespace {

/// A_j = ELU(s_j) + 1: s + 1 above 0, e^s below, not normalised (Gu et al., 2410.10781, §7).
class Elu1 : public Normalizer {
 public:
  bool shares() const override { return false; }
  RowState start(int64_t, int64_t, int64_t) const override { return {}; }
  float extend(RowState& state, float* row, int64_t n) const override {
    weigh(state, row, row, n);
    return 1.0f;
  }
  float scale(const RowState&) const override { return 1.0f; }
  void weigh(const RowState&, const float* scores, float* weights, int64_t n) const override {
    for (int64_t j = 0; j < n; ++j) {
      const float s = scores[j];
      weights[j] = s > 0 ? s + 1.0f : fast_exp(s);
    }
  }
  void backward(const RowState&, float, const float*, const float* weights, float* grad,
                int64_t n) const override {
    for (int64_t j = 0; j < n; ++j) grad[j] *= weights[j] < 1.0f ? weights[j] : 1.0f;
  }
};

}  // namespace

Registered<Normalizer> elu1_kind() {
  return kind_of<Normalizer, Elu1>("elu1", "ELU(s) + 1, not normalised (Gu et al., 2410.10781)");
}

}  // namespace waiver
