#pragma once

#include "autograd/batch_parts.h"
#include "core/products/operand.h"

namespace waiver {

/// dW [rows, columns] += leftᵀ right for left [N, rows] and right [N, columns], N the rows of
/// `parts`, which are added as BatchParts has it.
void add_weight_gradient(const Operand& left, const Operand& right, const BatchParts& parts,
                         const Tensor& dw);

/// Rows of dW, or else columns, [first, last), between multiples of 512 or the ends.
struct GradientWindow {
  bool of_rows;
  int64_t first, last;
};
/// Whether the window by window sums have the bits of the whole; not so for a small dW.
bool weight_gradient_comes_in_windows(const Tensor& dw, const BatchParts& parts);
/// The same for a window of dW: that side which it is a part of holds those columns alone.
void add_weight_gradient_window(const Operand& left, const Operand& right, const BatchParts& parts,
                                const Tensor& dw, const GradientWindow& window);

}  // namespace waiver
