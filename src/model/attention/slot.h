#pragma once

#include <memory>
#include <string>

#include "core/fields/kind.h"
#include "model/builder.h"

namespace waiver {

/// One more key per head that is no token's: every query sees it, whatever the mask, and encodings
/// leave it alone. At inference it stays where it is, a constant of the model.
class Slot {
 public:
  virtual ~Slot() = default;
  virtual void options(FieldVisitor&) {}
  virtual bool present() const { return true; }
  /// Whether it gives nothing to the output, and so acts through the other keys' weights alone.
  virtual bool gives_nothing() const { return false; }
  /// Declares what is learned, named after the attention (`blocks.0.attn`); D is the head width.
  virtual void build(Builder&, const std::string& /*name*/, int64_t /*heads*/, int64_t /*D*/) {}

  /// [H, D]; an empty key: there is no slot; an empty value: zeros.
  virtual Variable key() const { return {}; }
  virtual Variable value() const { return {}; }
};

}  // namespace waiver
