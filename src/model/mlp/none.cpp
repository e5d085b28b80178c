#include "model/mlp/registry.h"

namespace waiver {
namespace {

/// Blocks with it have no MLP branch: it is never asked for a sum.
class NoMlp : public Mlp {
 public:
  std::unique_ptr<Mlp> clone() const override { return std::make_unique<NoMlp>(*this); }
  bool present() const override { return false; }
  int64_t products() const override { return 0; }
  void build(Builder&, const std::string&, const MlpSizes&) override {}
  Variable forward(Tape&, Variable) const override { return {}; }
};

}  // namespace

std::unique_ptr<Mlp> make_no_mlp() { return std::make_unique<NoMlp>(); }

}  // namespace waiver
