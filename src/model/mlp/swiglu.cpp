#include "model/mlp/mlp.h"

namespace waiver {
namespace {

/// (silu(x W_gate + b_gate) ⊙ (x W_up + b_up)) W_down + b_down (Shazeer, 2002.05202, §2).
class SwiGlu : public Mlp {
 public:
  int64_t products() const override { return 3; }
  void build(Builder& builder, const std::string& name, const MlpSizes& sizes) override {
    gate_ = builder.linear(name + ".gate", sizes.width, sizes.hidden, sizes.bias);
    up_ = builder.linear(name + ".up", sizes.width, sizes.hidden, sizes.bias);
    down_ = builder.linear(name + ".down", sizes.hidden, sizes.width, sizes.bias, true);
  }
  Variable forward(Tape& tape, Variable x) const override {
    const Variable gate = apply(tape, gate_, x), up = apply(tape, up_, x);
    return apply(tape, down_, swiglu(tape, gate, up));
  }

 private:
  Linear gate_, up_, down_;
};

}  // namespace

Registered<Mlp> swiglu_kind() {
  return kind_of<Mlp, SwiGlu>(
      "swiglu", "(silu(x W_gate) ⊙ x W_up) W_down, silu(z) = z σ(z) (Shazeer, 2002.05202)");
}

}  // namespace waiver
