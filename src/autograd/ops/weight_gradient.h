#pragma once

#include "autograd/batch_parts.h"
#include "core/operand.h"

namespace waiver {

/// dW [rows, columns] += leftᵀ right for left [N, rows] and right [N, columns], N the rows of
/// `parts`, which are added as BatchParts has it.
void add_weight_gradient(const Operand& left, const Operand& right, const BatchParts& parts,
                         const Tensor& dw);

}  // namespace waiver
