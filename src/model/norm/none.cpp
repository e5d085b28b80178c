#include "model/norm/norm.h"

namespace waiver {
namespace {

class NoNorm : public Norm {
 public:
  bool present() const override { return false; }
  Variable apply(Tape&, Variable x) const override { return x; }
};

}  // namespace

Registered<Norm> no_norm_kind() {
  return kind_of<Norm, NoNorm>("none", "no normalisation anywhere");
}

}  // namespace waiver
