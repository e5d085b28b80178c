#include "core/orthogonal.h"
#include "data/feature_task.h"

namespace waiver {
namespace {

/// Broadcast (Fesser et al., 2606.08105): the source is the token furthest along the gate, j* =
/// argmax_j g·x_j, the first among equals; the answer everywhere is x_i + R x_j*, R a fixed
/// rotation. All attention goes to the source, whose value is the message: a sink, and no waiver.
class Broadcast : public FeatureTask {
 public:
  Broadcast() : FeatureTask("none") {}
  void open(int64_t context) override {
    FeatureTask::open(context);
    const int64_t F = features();
    rotation_.resize(F * F);
    // Where it mirrors, one axis is turned round.
    if (random_orthogonal(Random(gate_seed(), "rotation"), {rotation_.data(), {F, F}}) < 0)
      for (int64_t f = 0; f < F; ++f) rotation_[f] = -rotation_[f];
  }

 private:
  enum : int32_t { kToken, kSource, kKinds };
  int64_t kinds() const override { return kKinds; }
  std::string word(int32_t kind) const override { return kind == kSource ? "source" : "x"; }
  std::string own_key_role() const override { return "source"; }
  int32_t kind_with_key_role() const override { return kSource; }
  void answer(const float* x, int64_t T, int32_t* kinds, float* answers) const override {
    const int64_t F = features();
    int64_t source = -1;
    double furthest = 0;
    for (int64_t t = 0; t < T; ++t) {
      if (kinds[t] >= kKinds) continue;
      kinds[t] = kToken;
      if (const double along = along_gate(x + t * F); source < 0 || along > furthest)
        source = t, furthest = along;
    }
    kinds[source] = kSource;
    std::vector<double> message(F, 0.0);
    for (int64_t f = 0; f < F; ++f)
      for (int64_t g = 0; g < F; ++g)
        message[f] += double{rotation_[f * F + g]} * x[source * F + g];
    for (int64_t t = 0; t < T; ++t)
      for (int64_t f = 0; f < F && kinds[t] < kKinds; ++f)
        answers[t * F + f] = static_cast<float>(x[t * F + f] + message[f]);
  }

  std::vector<float> rotation_;  // R [F, F]
};

}  // namespace

Registered<Dataset> broadcast_kind() {
  return kind_of<Dataset, Broadcast>("broadcast",
                                     "real-valued tokens, to each of which one of them, rotated, "
                                     "must be added: a sink whose value "
                                     "matters (Fesser et al., 2606.08105)");
}

}  // namespace waiver
