#pragma once

#include "autograd/tape.h"
#include "model/points.h"

namespace waiver {

/// Watches a forward pass. It asks for named points; the pass that is watched is the very pass
/// that trains, so watching changes nothing. Tensors are valid only during the call.
/// The points are those of model/points.h that are shown; a block without attention, or without an
/// MLP, does not have theirs.
class Capture {
 public:
  virtual ~Capture() = default;
  /// `layer` is −1 outside the blocks.
  virtual bool wants(int64_t layer, Point point) const = 0;
  virtual void take(int64_t layer, Point point, const Tensor& t) = 0;
  /// How attn.in comes. Where the tape records, `backward` leaves ∂L/∂x in its gradient, which
  /// stays until the memory of the tape is reset.
  virtual void take_variable(int64_t layer, Point point, const Variable& x) {
    take(layer, point, x.value);
  }
};

}  // namespace waiver
