#include "model/attention/gates/gate.h"

namespace waiver {
namespace {

/// Head h's output ⊙ σ(v W_h), v the same token's value, W_h [D, D] (2510.09017).
class ValueGate : public Gate {
 public:
  int64_t products(const GateSizes& s) const override { return s.all_heads() * s.head_width; }
  void build(Builder& builder, const std::string& name, const GateSizes& s) override {
    const int64_t D = s.head_width;
    weight_ = &builder.add(name + ".weight", {s.heads, D, D}, builder.matrix(D));
  }
  Variable apply(Tape& tape, Variable mix, Variable, Variable qkv) const override {
    return gate(tape, mix, value_linear(tape, qkv, weight_->variable));
  }

 private:
  Parameter* weight_ = nullptr;
};

}  // namespace

Registered<Gate> value_gate_kind() {
  return kind_of<Gate, ValueGate>(
      "value", "each head's output ⊙ σ(v W_h), v the token's own value (2510.09017)");
}

}  // namespace waiver
