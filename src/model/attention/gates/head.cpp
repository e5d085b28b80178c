#include <cmath>

#include "model/attention/gates/gate.h"

namespace waiver {
namespace {

/// Head h's output times σ(w_h·x + b_h) (Bondarenko et al., 2306.12929, §4.2, in the form that sees
/// all of x). Initialised with w = 0 and σ(b) = open.
class HeadGate : public Gate {
 public:
  void options(FieldVisitor& v) override {
    v.field({"open", "the initial value of the gates (2306.12929)", {0.0, 1.0, true, true}}, open_);
  }
  int64_t products(const GateSizes& s) const override { return s.heads * s.width; }
  void build(Builder& builder, const std::string& name, const GateSizes& s) override {
    gate_.weight = &builder.add(name + ".weight", {s.width, s.heads}, Init::constant(0));
    gate_.bias =
        &builder.add(name + ".bias", {s.heads}, Init::constant(std::log(open_ / (1.0 - open_))));
  }
  Variable apply(Tape& tape, Variable mix, Variable x, Variable) const override {
    return gate(tape, mix, waiver::apply(tape, gate_, x));
  }

 private:
  double open_ = 0.25;
  Linear gate_;
};

}  // namespace

Registered<Gate> head_gate_kind() {
  return kind_of<Gate, HeadGate>(
      "head", "each head's output times σ(w_h·x + b_h), x the input of attention (2306.12929)");
}

}  // namespace waiver
