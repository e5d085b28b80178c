#pragma once

#include <memory>

#include "autograd/ops/ops.h"
#include "core/fields/kind.h"
#include "model/builder.h"

namespace waiver {

/// Normalises every row of x [B·T, C].
class Norm {
 public:
  virtual ~Norm() = default;
  virtual void options(FieldVisitor&) {}
  /// Whether it does anything, and hence its place matters.
  virtual bool present() const { return true; }
  /// Declares {name}.gain [C] and whatever else it has.
  virtual void build(Builder&, const std::string& /*name*/, int64_t /*width*/) {}
  virtual Variable apply(Tape&, Variable x) const = 0;
  /// x + z, and the same of that, to the bits of `add` and `apply`. REQUIRES: nothing later uses x.
  virtual NormedSum add_and_apply(Tape& tape, Variable x, Variable z) const {
    const Variable sum = add(tape, x, z);
    return {sum, apply(tape, sum)};
  }
};

}  // namespace waiver
