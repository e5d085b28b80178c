#pragma once

#include <memory>

#include "core/fields/kind.h"
#include "model/builder.h"

namespace waiver {

/// Gates the output of attention: mix [B·T, C] of all heads is multiplied by σ(…) before the output
/// projection.
class Gate {
 public:
  virtual ~Gate() = default;
  virtual void options(FieldVisitor&) {}
  virtual bool present() const { return true; }
  /// The number of weights in its matrices.
  virtual int64_t products(int64_t /*heads*/, int64_t /*width*/) const { return 0; }
  /// Declares its parameters as {name}.weight and {name}.bias.
  virtual void build(Builder&, const std::string& /*name*/, int64_t /*heads*/, int64_t /*width*/) {}
  /// x [B·T, C] is what the queries, keys and values qkv [B·T, 3C] were projected from.
  virtual Variable apply(Tape&, Variable mix, Variable /*x*/, Variable /*qkv*/) const {
    return mix;
  }
};

}  // namespace waiver
