#pragma once

#include <span>

#include "autograd/batch_parts.h"

namespace waiver {

/// to.row(indices[n % size]) += from.row(n) for every row n of `parts` whose index is not negative,
/// added as BatchParts has it.
void scatter_add(const Tensor& from, std::span<const int32_t> indices, const BatchParts& parts,
                 const Tensor& to);

}  // namespace waiver
