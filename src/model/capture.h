#pragma once

#include "autograd/tape.h"
#include "model/points.h"

namespace waiver {

/// Watches a forward pass by asking for named points. The watched pass is the very one that trains,
/// so watching changes nothing. Tensors are valid only during the call.
/// The points are those that model/points.h marks as shown; a block without attention or MLP lacks
/// the points of that branch.
class Capture {
 public:
  virtual ~Capture() = default;
  /// `layer` is −1 outside the blocks.
  virtual bool wants(int64_t layer, Point point) const = 0;
  virtual void take(int64_t layer, Point point, const Tensor& t) = 0;
  /// Shows attn.in. Where the tape records and keeps gradients (Tape::keep_gradients), `backward`
  /// leaves ∂L/∂x in its gradient, which stays valid until the tape's memory is reset.
  virtual void take_variable(int64_t layer, Point point, const Variable& x) {
    take(layer, point, x.value);
  }
};

}  // namespace waiver
