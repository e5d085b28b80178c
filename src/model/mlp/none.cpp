#include "model/mlp/mlp.h"

namespace waiver {
namespace {

/// Blocks with it have no MLP branch: it is never called.
class NoMlp : public Mlp {
 public:
  bool present() const override { return false; }
  int64_t products() const override { return 0; }
  void build(Builder&, const std::string&, const MlpSizes&) override {}
  Variable forward(Tape&, Variable) const override { return {}; }
};

}  // namespace

Registered<Mlp> no_mlp_kind() { return kind_of<Mlp, NoMlp>("none", "no MLP in any block"); }

}  // namespace waiver
