#pragma once

#include <span>

#include "autograd/ops/attention.h"
#include "autograd/tape.h"

// Letters: B batch, T tokens, C width, H heads, D head width, V vocabulary, N = B·T rows.
// Every op computes, records the gradient of its inputs, and returns. Gradients add up (+=).
// A weight without a gradient is frozen: none is computed for it.

namespace waiver {

/// y_n = table[token_n]: table [V, C] → [N, C]. REQUIRES: tokens stay until backward.
Variable embedding(Tape& tape, std::span<const int32_t> tokens, Variable table);

/// y_{b,t} = x_{b,t} + table[positions_t]: x [B·T, C], table [context, C]; T = positions.size().
Variable add_positions(Tape& tape, Variable x, Variable table, std::span<const int32_t> positions);

enum class Activation { none, relu, gelu };
/// y = activation(x W + b): x [N, in], W [in, out], b [out] or empty → [N, out].
Variable linear(Tape& tape, Variable x, Variable weight, Variable bias = {},
                Activation activation = Activation::none);
/// y = x Wᵀ: x [N, in], W [out, in] → [N, out]; for an output tied to the embedding.
Variable linear_transposed(Tape& tape, Variable x, Variable weight, Variable bias = {});

/// y = (x − mean) / √(variance + eps) · gain + bias per row: x [N, C]; bias may be empty.
Variable layer_norm(Tape& tape, Variable x, Variable gain, Variable bias, float eps);

/// y = x + z, same shapes.
Variable add(Tape& tape, Variable x, Variable z);

/// Mean over rows of −log softmax(logits)_target: logits [N, V] → [1].
/// REQUIRES: targets stay until backward.
Variable cross_entropy(Tape& tape, Variable logits, std::span<const int32_t> targets);

/// Turns pairs (d, d + R/2) of the first R channels of every head of the queries and keys, in
/// place: (a, b) → (a cos − b sin, a sin + b cos). qkv [B·T, 3C]; cos, sin [T, R/2].
void rotate(Tape& tape, Variable qkv, int64_t heads, Tensor cos, Tensor sin);

}  // namespace waiver
