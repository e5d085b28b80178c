#include "model/norm/norm.h"

namespace waiver {
namespace {

/// y = (x − mean) / √(variance + eps) · gain + bias (Ba et al., 1607.06450).
class LayerNorm : public Norm {
 public:
  void options(FieldVisitor& v) override {
    v.field(
        {"eps", "added to the variance, or to the mean square (1607.06450, 1910.07467)", above(0)},
        eps_);
    v.field({"bias", "whether the norms have a bias besides their gain (1607.06450)"}, biased_);
  }
  void build(Builder& builder, const std::string& name, int64_t width) override {
    gain_ = &builder.add(name + ".gain", {width}, Init::constant(1));
    if (biased_) bias_ = &builder.add(name + ".bias", {width}, Init::constant(0));
  }
  Variable apply(Tape& tape, Variable x) const override {
    return layer_norm(tape, x, gain_->variable, value_of(bias_), static_cast<float>(eps_));
  }
  NormedSum add_and_apply(Tape& tape, Variable x, Variable z) const override {
    return add_layer_norm(tape, x, z, gain_->variable, value_of(bias_), static_cast<float>(eps_));
  }

 private:
  double eps_ = 1e-5;
  bool biased_ = true;
  Parameter *gain_ = nullptr, *bias_ = nullptr;
};

}  // namespace

Registered<Norm> layer_norm_kind() {
  return kind_of<Norm, LayerNorm>(
      "layer",
      "LayerNorm: (x − mean) / √(variance + eps), times gain, plus bias (Ba et al., 1607.06450)");
}

}  // namespace waiver
