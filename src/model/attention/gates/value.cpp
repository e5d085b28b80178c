#include "model/attention/gates/gate.h"

namespace waiver {
namespace {

/// Head h's output ⊙ σ(v W_h), v the same token's value, W_h [D, D] (2510.09017).
class ValueGate : public Gate {
 public:
  int64_t products(int64_t heads, int64_t width) const override { return width * width / heads; }
  void build(Builder& builder, const std::string& name, int64_t heads, int64_t width) override {
    const int64_t D = width / heads;
    weight_ = &builder.add(name + ".weight", {heads, D, D}, builder.matrix(D));
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
