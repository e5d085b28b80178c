#pragma once

#include "autograd/ops/attention/spec.h"

// A single row of attention, for passes that are edited along the way. No gradients, no dropout.

namespace waiver {

/// scores → weights, both [T], of query i in head `index` (sequence · H + head): the normalizer
/// runs over the keys whose score is not −∞, and the others get 0; all are 0 where neither a key
/// nor a slot is left. Returns the slot's weight, 0 without a slot.
float weigh_row(const AttentionSpec& spec, const Tensor& qkv, int64_t index, int64_t i,
                const float* scores, float* weights);

/// The head's part of row i of mix [B·T, C] = Σ_j weights_j v_j + slot · slot value.
void mix_row(const AttentionSpec& spec, const Tensor& qkv, int64_t index, int64_t i,
             const float* weights, float slot, const Tensor& mix);

}  // namespace waiver
