#include "model/attention/qk_norm.h"

namespace waiver {
namespace {

class NoQkNorm : public QkNorm {
 public:
  bool present() const override { return false; }
};

template <bool centred>
class HeadNorm : public QkNorm {
 public:
  void options(FieldVisitor& v) override {
    v.field(
        {"eps", "added to the variance, or to the mean square (1607.06450, 1910.07467)", above(0)},
        eps_);
  }
  void build(Builder& builder, const std::string& name, int64_t heads, int64_t D) override {
    heads_ = heads;
    query_ = &builder.add(name + ".query_norm.gain", {D}, Init::constant(1));
    key_ = &builder.add(name + ".key_norm.gain", {D}, Init::constant(1));
  }
  void apply(Tape& tape, Variable qkv) const override {
    head_norm(tape, qkv, heads_, query_->variable, key_->variable, centred,
              static_cast<float>(eps_));
  }

 private:
  double eps_ = 1e-5;
  int64_t heads_ = 1;
  Parameter *query_ = nullptr, *key_ = nullptr;
};

}  // namespace

Registered<QkNorm> no_qk_norm_kind() {
  return kind_of<QkNorm, NoQkNorm>("none", "queries and keys as they are projected");
}

Registered<QkNorm> layer_qk_norm_kind() {
  return kind_of<QkNorm, HeadNorm<true>>(
      "layer", "(x − mean) / √(variance + eps), times gain (Dehghani et al., 2302.05442)");
}

Registered<QkNorm> rms_qk_norm_kind() {
  return kind_of<QkNorm, HeadNorm<false>>(
      "rms", "x / √(mean x² + eps), times gain (as in Gemma 3, 2503.19786)");
}

}  // namespace waiver
