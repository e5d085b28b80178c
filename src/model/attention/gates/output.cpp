#include "model/attention/gates/gate.h"

namespace waiver {
namespace {

/// mix ⊙ σ(x W), W [C, C], or [C, H] with one gate per head (Qiu et al., 2505.06708, §2.2).
class OutputGate : public Gate {
 public:
  void options(FieldVisitor& v) override {
    static constexpr Choice choices[] = {{"element", "every channel of every head has a gate"},
                                         {"head", "all channels of a head share one"}};
    v.choice("per", per_, choices, "what has a gate of its own");
  }
  int64_t products(int64_t heads, int64_t width) const override {
    return width * columns(heads, width);
  }
  void build(Builder& builder, const std::string& name, int64_t heads, int64_t width) override {
    gate_ = builder.linear(name, width, columns(heads, width), false);
  }
  Variable apply(Tape& tape, Variable mix, Variable x, Variable) const override {
    return gate(tape, mix, waiver::apply(tape, gate_, x));
  }

 private:
  int64_t columns(int64_t heads, int64_t width) const { return per_ == "head" ? heads : width; }

  std::string per_ = "element";
  Linear gate_;
};

}  // namespace

Registered<Gate> output_gate_kind() {
  return kind_of<Gate, OutputGate>(
      "output", "the heads' outputs ⊙ σ(x W), x the input of attention (2505.06708)");
}

}  // namespace waiver
