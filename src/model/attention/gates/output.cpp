#include "model/attention/gates/gate.h"

namespace waiver {
namespace {

enum class GatePer { element, head };
std::span<const Choice> words(GatePer) {
  static constexpr Choice all[] = {{"element", "every channel of every head has its own gate"},
                                   {"head", "all channels of a head share one gate"}};
  return all;
}

/// mix ⊙ σ(x W), W [C, HD], or [C, H] with one gate per head (Qiu et al., 2505.06708, §2.2).
class OutputGate : public Gate {
 public:
  void options(FieldVisitor& v) override { v.field({"per", "what has its own gate"}, per_); }
  int64_t products(const GateSizes& s) const override { return s.width * columns(s); }
  void build(Builder& builder, const std::string& name, const GateSizes& s) override {
    gate_ = builder.linear(name, s.width, columns(s), false);
  }
  Variable apply(Tape& tape, Variable mix, Variable x, Variable) const override {
    return gate(tape, mix, waiver::apply(tape, gate_, x));
  }

 private:
  int64_t columns(const GateSizes& s) const {
    return per_ == GatePer::head ? s.heads : s.all_heads();
  }

  GatePer per_ = GatePer::element;
  Linear gate_;
};

}  // namespace

Registered<Gate> output_gate_kind() {
  return kind_of<Gate, OutputGate>(
      "output", "the heads' outputs ⊙ σ(x W), x the input of attention (2505.06708)");
}

}  // namespace waiver
