#pragma once

#include "autograd/ops/attention/spec.h"

namespace waiver {

/// qkv [B·T, 3C] → out [B·T, C], C = H·D; columns are q of all heads, then k, then v.
///   s_ij = scale · q_i·k_j + bias,  A_i = normalizer(s_i over visible j),  out_i = Σ_j A_ij v_j
/// Works in tiles of 64 queries of one head by up to 512 keys, which stay in the cache; the state
/// of each row is kept for backward, which recomputes the weights tile by tile, so memory grows
/// with T, not T² (Milakov and Gimelshein, 1805.02867; Dao et al., 2205.14135). Throws ShapeError
/// where an array of `spec` does not fit.
Variable attention(Tape& tape, Variable qkv, const AttentionSpec& spec);

}  // namespace waiver
