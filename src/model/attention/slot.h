#pragma once

#include <memory>
#include <string>

#include "core/fields/kind.h"
#include "model/builder.h"

namespace waiver {

/// An extra key per head that belongs to no token: every query sees it, whatever the mask, and
/// encodings do not act on it. At inference it is a constant of the model.
class Slot {
 public:
  virtual ~Slot() = default;
  virtual void options(FieldVisitor&) {}
  virtual bool present() const { return true; }
  /// Whether it adds nothing to the output, and so acts only through the other keys' weights.
  virtual bool gives_nothing() const { return false; }
  /// Declares its parameters, named after the attention (`blocks.0.attn`); D is the head width.
  virtual void build(Builder&, const std::string& /*name*/, int64_t /*heads*/, int64_t /*D*/) {}

  /// [H, D]; an empty key means no slot, an empty value zeros.
  virtual Variable key() const { return {}; }
  virtual Variable value() const { return {}; }
};

}  // namespace waiver
