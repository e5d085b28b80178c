#include "model/norm/norm.h"

namespace waiver {
namespace {

/// y = x / √(mean x² + eps) · gain (Zhang and Sennrich, 1910.07467).
class RmsNorm : public Norm {
 public:
  void options(FieldVisitor& v) override {
    v.field(
        {"eps", "added to the variance, or to the mean square (1607.06450, 1910.07467)", above(0)},
        eps_);
  }
  void build(Builder& builder, const std::string& name, int64_t width) override {
    gain_ = &builder.add(name + ".gain", {width}, Init::constant(1));
  }
  Variable apply(Tape& tape, Variable x) const override {
    return rms_norm(tape, x, gain_->variable, static_cast<float>(eps_));
  }
  NormedSum add_and_apply(Tape& tape, Variable x, Variable z) const override {
    return add_rms_norm(tape, x, z, gain_->variable, static_cast<float>(eps_));
  }

 private:
  double eps_ = 1e-5;
  Parameter* gain_ = nullptr;
};

}  // namespace

Registered<Norm> rms_norm_kind() {
  return kind_of<Norm, RmsNorm>(
      "rms", "RMSNorm: x / √(mean x² + eps), times gain (Zhang and Sennrich, 1910.07467)");
}

}  // namespace waiver
