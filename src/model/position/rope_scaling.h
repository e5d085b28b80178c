#pragma once

#include <span>
#include <string>

#include "core/fields/kind.h"

namespace waiver {

/// How RoPE's rates θ_d, by which pair d of R channels is rotated per position, are changed for
/// texts longer than those that a model was trained on: what published models state as their
/// `rope_type`.
class RopeScaling {
 public:
  virtual ~RopeScaling() = default;
  virtual void options(FieldVisitor&) {}
  /// Why these options cannot work, or an empty string.
  virtual std::string refuse() const { return {}; }
  /// θ_d = base^(−2d/R), d = 0 … R/2 − 1 → the rates that are used.
  virtual void scale(std::span<double> /*rates*/, double /*base*/) const {}
  /// What cosines and sines are multiplied by, so that scores get its square.
  virtual double attention_factor() const { return 1.0; }
};

}  // namespace waiver
