#include <cmath>
#include <numbers>

#include "data/feature_task.h"

namespace waiver {
namespace {

// λ with P(z > λ) = p for z ~ N(0, 1), by bisection to the last bit.
double threshold_of(double p) {
  double low = -40, high = 40;
  for (double middle = 0; low < middle && middle < high;) {
    const double above = 0.5 * std::erfc(middle / std::numbers::sqrt2);
    if (above == p) return middle;
    (above > p ? low : high) = middle;
    middle = low + (high - low) / 2;
  }
  return low;
}

/// NOP (Fesser et al., 2606.08105, and its code). Tokens beyond a threshold along the gate, g·x_t >
/// λ = Φ⁻¹(1 − p), are active: their answer is γ x_t. All others are NOPs: their answer is x_t
/// itself. Where x + attention(x) is the answer, active queries must be given (γ − 1) x_t and NOPs
/// nothing, so softmax needs a place for the weight of the NOPs.
class Nop : public FeatureTask {
 public:
  Nop() : FeatureTask("fixed") {}
  void options(FieldVisitor& v) override {
    v.field(
        {"active",
         "p, the share of active tokens, those with g·x > Φ⁻¹(1 − p); all others are NOPs, whose "
         "answer is x itself (Fesser et al., 2606.08105, whose equation 22 calls p the share "
         "of NOPs, whose code calls them as here)",
         between(0, 1)},
        active_);
    v.field({"damping", "γ: the answer at an active token is γ x (Fesser et al., 2606.08105)",
             between(-1000, 1000)},
            damping_);
    FeatureTask::options(v);
  }
  void open(int64_t context) override {
    FeatureTask::open(context);
    threshold_ = threshold_of(active_);
  }

 private:
  enum : int32_t { kNop, kActive, kKinds };
  int64_t kinds() const override { return kKinds; }
  std::vector<std::string> own_query_roles() const override { return {"nop", "active"}; }
  int64_t own_query_role(int32_t kind) const override { return kind == kActive ? 1 : kPlain; }
  std::string word(int32_t kind) const override { return kind == kNop ? "nop" : "active"; }
  void answer(const float* x, int64_t T, int32_t* kinds, float* answers) const override {
    const int64_t F = features();
    for (int64_t t = 0; t < T; ++t) {
      if (kinds[t] >= kKinds) continue;
      kinds[t] = along_gate(x + t * F) > threshold_ ? kActive : kNop;
      const double factor = kinds[t] == kActive ? damping_ : 1.0;
      for (int64_t f = 0; f < F; ++f)
        answers[t * F + f] = static_cast<float>(factor * x[t * F + f]);
    }
  }

  double active_ = 0.5, damping_ = 0.0, threshold_ = 0.0;
};

}  // namespace

Registered<Dataset> nop_kind() {
  return kind_of<Dataset, Nop>("nop",
                               "real-valued tokens, of which a share must be answered with 0 and "
                               "the rest, the NOPs, as they are: there attention has nothing to "
                               "add (Fesser et al., 2606.08105)");
}

}  // namespace waiver
