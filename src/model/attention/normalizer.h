#pragma once

#include <memory>
#include <string>

#include "autograd/ops/attention/spec.h"
#include "core/fields/kind.h"
#include "model/builder.h"

namespace waiver {

/// How scores become weights. Every block has its own.
class Normalizer : public RowNormalizer {
 public:
  virtual void options(FieldVisitor&) {}
  /// Whether a larger weight on one key means smaller weights on the others.
  virtual bool shares() const { return true; }
  /// Declares its parameters, named after the attention (`blocks.0.attn`).
  virtual void build(Builder&, const std::string& /*name*/, int64_t /*heads*/) {}
};

}  // namespace waiver
