#include <cmath>
#include <cstdlib>

#include "model/position/encoding.h"

namespace waiver {
namespace {

/// s_ij −= r1_h · log(1 + r2_h · |position_i − position_j|), r1 and r2 learned per head and shared
/// by all blocks: the logarithmic kernel of KERPLE (Chi et al., 2205.09921, eq. 5). Both must not
/// be negative: r1 = 2|θ1| and r2 = |θ2| with θ ~ U(−1, 1), which initialises them as the published
/// code does, r1 ~ U(0, 2) and r2 ~ U(0, 1).
class Kerple : public PositionEncoding, public ScoreBias {
 public:
  void build(ParameterSet& parameters, const EncodingSizes& sizes) override {
    theta_ = &parameters.add(sizes.name + ".weight", {sizes.heads, 2}, Init::uniform(1));
  }
  const ScoreBias* bias() const override { return this; }

  void add(int64_t head, int32_t query, const int32_t* keys, float* row, int64_t n) const override {
    const Rates r = rates(head);
    for (int64_t j = 0; j < n; ++j) row[j] -= r.r1 * std::log1p(r.r2 * distance(query, keys[j]));
  }
  Variable parameter() const override { return theta_->variable; }
  void backward(int64_t head, int32_t query, const int32_t* keys, const float* grad, int64_t n,
                float* sums, float*) const override {
    const Rates r = rates(head);
    for (int64_t j = 0; j < n; ++j) {
      const float d = distance(query, keys[j]);
      sums[0] -= grad[j] * 2 * r.sign1 * std::log1p(r.r2 * d);
      sums[1] -= grad[j] * r.r1 * r.sign2 * d / (1 + r.r2 * d);
    }
  }

 private:
  struct Rates {
    float r1, r2, sign1, sign2;
  };
  Rates rates(int64_t head) const {
    const float* theta = theta_->variable.value.row(head);
    return {2 * std::abs(theta[0]), std::abs(theta[1]), std::copysign(1.0f, theta[0]),
            std::copysign(1.0f, theta[1])};
  }
  static float distance(int32_t query, int32_t key) {
    return static_cast<float>(std::abs(query - key));
  }

  const Parameter* theta_ = nullptr;
};

}  // namespace

Registered<PositionEncoding> kerple_kind() {
  return kind_of<PositionEncoding, Kerple>(
      "kerple", "scores lowered by a learned logarithm of the distance, per head (2205.09921)");
}

}  // namespace waiver
