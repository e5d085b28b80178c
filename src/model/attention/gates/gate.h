#pragma once

#include <memory>

#include "core/fields/kind.h"
#include "model/builder.h"

namespace waiver {

/// What a gate is built for: H heads of D channels each, and the width C of attention's input.
struct GateSizes {
  int64_t heads = 0, head_width = 0, width = 0;

  int64_t all_heads() const { return heads * head_width; }
};

/// Gates the output of attention: mix [B·T, HD] of all heads is multiplied by σ(…) before the
/// output projection.
class Gate {
 public:
  virtual ~Gate() = default;
  virtual void options(FieldVisitor&) {}
  virtual bool present() const { return true; }
  /// The number of weights in its matrices.
  virtual int64_t products(const GateSizes&) const { return 0; }
  /// Declares its parameters as {name}.weight and {name}.bias.
  virtual void build(Builder&, const std::string& /*name*/, const GateSizes&) {}
  /// x [B·T, C] is what the queries, keys and values qkv [B·T, 3HD] were projected from.
  virtual Variable apply(Tape&, Variable mix, Variable /*x*/, Variable /*qkv*/) const {
    return mix;
  }
};

}  // namespace waiver
