#pragma once

#include <memory>

#include "autograd/ops/attention.h"
#include "core/kind.h"

namespace waiver {

/// How scores become weights.
class Normalizer : public RowNormalizer {
 public:
  virtual std::unique_ptr<Normalizer> clone() const = 0;
  virtual void options(FieldVisitor&) {}
};

}  // namespace waiver
