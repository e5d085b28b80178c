#pragma once

#include <memory>

#include "autograd/ops/attention.h"
#include "core/kind.h"

namespace waiver {

/// A mask is a value: which keys each query sees.
class Mask : public KeyRange {
 public:
  virtual std::unique_ptr<Mask> clone() const = 0;
  virtual void options(FieldVisitor&) {}
  /// Whether some query sees a later token, and so the answer of a next-token task.
  virtual bool sees_future() const = 0;
};

}  // namespace waiver
