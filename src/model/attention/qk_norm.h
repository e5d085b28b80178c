#pragma once

#include <memory>

#include "core/fields/kind.h"
#include "model/builder.h"

namespace waiver {

/// Normalises every head's queries and keys, each over its own D channels, before the encoding
/// rotates them. One gain [D] for all heads' queries and one for all heads' keys; no bias, as in
/// ViT-22B (Dehghani et al., 2302.05442, §2).
class QkNorm {
 public:
  virtual ~QkNorm() = default;
  virtual void options(FieldVisitor&) {}
  virtual bool present() const { return true; }
  /// Declares {name}.query_norm.gain and {name}.key_norm.gain, [D].
  virtual void build(Builder&, const std::string& /*name*/, int64_t /*heads*/, int64_t /*D*/) {}
  /// qkv [B·T, 3HD], in place.
  virtual void apply(Tape&, Variable /*qkv*/) const {}
};

}  // namespace waiver
