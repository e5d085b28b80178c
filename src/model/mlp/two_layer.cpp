#include "model/mlp/mlp.h"

namespace waiver {
namespace {

/// activation(x W_up + b_up) W_down + b_down.
template <Activation activation>
class TwoLayer : public Mlp {
 public:
  void build(Builder& builder, const std::string& name, const MlpSizes& sizes) override {
    up_ = builder.linear(name + ".up", sizes.width, sizes.hidden, sizes.bias);
    down_ = builder.linear(name + ".down", sizes.hidden, sizes.width, sizes.bias, true);
  }
  Variable forward(Tape& tape, Variable x) const override {
    return mlp(tape, x, value_of(up_), activation, value_of(down_));
  }

 private:
  Linear up_, down_;
};

}  // namespace

Registered<Mlp> relu_kind() {
  return kind_of<Mlp, TwoLayer<Activation::relu>>(
      "relu", "max(0, x W_up) W_down (Vaswani et al., 1706.03762)");
}

Registered<Mlp> gelu_kind() {
  return kind_of<Mlp, TwoLayer<Activation::gelu>>(
      "gelu", "the same with x Φ(x), exact (by erf), as in nanoGPT's GPT-2 (1606.08415)");
}

Registered<Mlp> gelu_tanh_kind() {
  return kind_of<Mlp, TwoLayer<Activation::gelu_tanh>>(
      "gelu_tanh",
      "the same with GELU's tanh form, x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, as in GPT-2 "
      "(1606.08415)");
}

Registered<Mlp> linear_kind() {
  return kind_of<Mlp, TwoLayer<Activation::none>>("linear", "x W_up W_down: no activation");
}

}  // namespace waiver
