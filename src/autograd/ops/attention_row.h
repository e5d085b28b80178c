#pragma once

#include "autograd/ops/attention_spec.h"

// One row of attention by itself, for passes that are changed on the way. No gradients, no dropout.

namespace waiver {

/// scores → weights, both [T], of query i in head `index` (sequence · H + head): the normalizer
/// over the keys whose score is not −∞, the others get 0; all 0 where no key and no slot is left.
/// Returns the weight of the slot, 0 without one.
float weigh_row(const AttentionSpec& spec, const Tensor& qkv, int64_t index, int64_t i,
                const float* scores, float* weights);

/// The head's part of row i of mix [B·T, C] = Σ_j weights_j v_j + slot · slot value.
void mix_row(const AttentionSpec& spec, const Tensor& qkv, int64_t index, int64_t i,
             const float* weights, float slot, const Tensor& mix);

}  // namespace waiver
