#include "model/attention/exponential.h"
#include "model/attention/normalizer.h"

namespace waiver {
namespace {

/// A_j = e^{s_j} / (e^{S_h} + Σ e^s), S_h learned per head, initially 0: softmax with an extra
/// score whose weight goes nowhere (gpt-oss, 2508.10925). S_h fixed at 0 is softmax1.
class SinkLogit : public Exponential {
 public:
  void build(Builder& builder, const std::string& name, int64_t heads) override {
    logits_ = &builder.add(name + ".sink_logit", {heads}, Init::constant(0));
  }
  RowState start(int64_t head, int64_t, int64_t) const override {
    return {logits_->variable.value.data[head], 1};
  }
  Variable parameter() const override { return logits_->variable; }
  // ∂A_j/∂S = −A_j · e^{S − top} / sum.
  float parameter_gradient(const RowState& state, float dot, int64_t head) const override {
    return -dot * fast_exp(logits_->variable.value.data[head] - state.top) / state.sum;
  }

 private:
  const Parameter* logits_ = nullptr;
};

}  // namespace

Registered<Normalizer> sink_logit_kind() {
  return kind_of<Normalizer, SinkLogit>(
      "sink_logit", "e^s / (e^S + Σ e^s), S learned per head (gpt-oss, 2508.10925)");
}

}  // namespace waiver
