#include "model/mlp/registry.h"

namespace waiver {
namespace {

/// activation(x W_up + b_up) W_down + b_down.
template <Activation activation>
class TwoLayer : public Mlp {
 public:
  std::unique_ptr<Mlp> clone() const override { return std::make_unique<TwoLayer>(*this); }
  void build(Builder& builder, const std::string& name, const MlpSizes& sizes) override {
    up_ = builder.linear(name + ".up", sizes.width, sizes.hidden, sizes.bias);
    down_ = builder.linear(name + ".down", sizes.hidden, sizes.width, sizes.bias, true);
  }
  Variable forward(Tape& tape, Variable x) const override {
    return apply(tape, down_, apply(tape, up_, x, activation));
  }

 private:
  Linear up_, down_;
};

}  // namespace

std::unique_ptr<Mlp> make_relu() { return std::make_unique<TwoLayer<Activation::relu>>(); }
std::unique_ptr<Mlp> make_gelu() { return std::make_unique<TwoLayer<Activation::gelu>>(); }
std::unique_ptr<Mlp> make_linear() { return std::make_unique<TwoLayer<Activation::none>>(); }

}  // namespace waiver
