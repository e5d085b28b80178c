#pragma once

#include <memory>

#include "core/fields/kind.h"
#include "model/builder.h"

namespace waiver {

/// The sizes of an MLP: `width` in the residual stream, `hidden` within.
struct MlpSizes {
  int64_t width = 0, hidden = 0;
  bool bias = false;
};

/// What a block does to each token on its own: x [B·T, C] → what is added to the residual stream.
class Mlp {
 public:
  virtual ~Mlp() = default;
  virtual void options(FieldVisitor&) {}
  /// Whether blocks have an MLP branch at all, and hence a hidden width.
  virtual bool present() const { return true; }
  /// How many matrices of width × hidden it has.
  virtual int64_t products() const { return 2; }
  /// Declares the layers {name}.up, {name}.down and whatever else it has.
  virtual void build(Builder&, const std::string& name, const MlpSizes&) = 0;
  virtual Variable forward(Tape&, Variable x) const = 0;
};

}  // namespace waiver
