#pragma once

#include "core/arena.h"

namespace waiver {

// Splits what a block showed of R sink tokens and T tokens, S = R + T. Where R is 0 the given
// tensor is returned.

/// [B·S, W] → the tokens' rows [B·T, W].
Tensor rows_of_tokens(Arena& arena, const Tensor& x, int64_t batch, int64_t sinks);
/// [B, H, S, S] → the tokens' queries and keys [B, H, T, T].
Tensor map_of_tokens(Arena& arena, const Tensor& map, int64_t sinks);
/// The weights of the tokens' queries on added keys, [B, H, T, A]: A counts the sink tokens, and
/// one more where there is a slot; `slot` is [B, H, S] or empty. Empty where A is 0.
Tensor added_weights(Arena& arena, const Tensor& pattern, const Tensor& slot, int64_t sinks);

}  // namespace waiver
