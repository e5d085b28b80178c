#pragma once

#include "model/config.h"

namespace waiver {

/// Floating-point operations that one token's training step requires mathematically:
///   6 · (parameters in matrix products, the output's included) + 12 · keys · heads · head width,
/// a multiplication and an addition for each weight, three times (forward, the inputs' gradient,
/// the weights' gradient); `keys`, summed over the layers with attention, is T / 2 where the mask
/// is causal, T where it is not; a window is not counted. R sink tokens go through the blocks too,
/// and every query sees them: (T + R) / T times the weights of blocks, and R more keys.
double useful_flops_per_token(const ModelConfig& model, int64_t vocabulary);

}  // namespace waiver
