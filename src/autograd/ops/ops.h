#pragma once

#include <span>

#include "autograd/ops/attention/attention.h"
#include "autograd/tape.h"
#include "core/random.h"

// Letters: B batch, T tokens, C width, H heads, D head width, V vocabulary, N = B·T rows.
// Every op checks that the shapes and counts of its inputs agree and throws ShapeError
// (core/error.h) otherwise; then it computes, records the gradient of its inputs, and returns.
// Gradients accumulate (+=).
// A weight without a gradient is frozen: no gradient is computed for it.

namespace waiver {

/// y_n = table[token_n]: table [V, C] → [N, C]. REQUIRES: `tokens` stay valid until backward.
Variable embedding(Tape& tape, std::span<const int32_t> tokens, Variable table);

/// Whether anything uses an op's input after it.
enum class Later { unused, used };
/// y_n = x_n + table[rows_{n mod T}], x_n alone where that row is negative: x [N, C], table [R, C],
/// T = rows.size(), which divides N. REQUIRES: nothing later uses x unless `x_is` used
/// (Tape::continuing); `rows` stay valid until backward.
Variable add_rows(Tape& tape, Variable x, Variable table, std::span<const int32_t> rows,
                  Later x_is = Later::unused);

/// Every sequence of x [B·T, C] with `rows` [R, C] prepended: [B·(R + T), C].
Variable prepend(Tape& tape, Variable x, Variable rows, int64_t batch);
/// Every sequence of x [B·S, C] without its first `count` rows: [B·(S − count), C].
Variable without_first(Tape& tape, Variable x, int64_t count, int64_t batch);

/// y = x W + b: x [N, in], W [in, out], b [out] or empty → [N, out].
Variable linear(Tape& tape, Variable x, Variable weight, Variable bias = {});
/// y = x Wᵀ: x [N, in], W [out, in] → [N, out]; for an output layer tied to the embedding.
Variable linear_transposed(Tape& tape, Variable x, Variable weight, Variable bias = {});

/// A matrix [in, out] and a bias [out] or empty.
struct Affine {
  Variable weight, bias = {};
};
enum class Activation { none, relu, gelu, gelu_tanh };
/// y = activation(x W_up + b_up) W_down + b_down: x [N, C], W_up [C, M], W_down [M, C'] → [N, C'].
/// GELU is z Φ(z), exact; its tanh form is z (1 + tanh(√(2/π) (z + 0.044715 z³))) / 2.
Variable mlp(Tape& tape, Variable x, const Affine& up, Activation activation, const Affine& down);

/// y = activation(x): x [N, C].
Variable activate(Tape& tape, Variable x, Activation activation);

/// y = silu(gate) ⊙ up, silu(z) = z σ(z): same shapes.
Variable swiglu(Tape& tape, Variable gate, Variable up);

/// y = (x − mean) / √(variance + eps) · gain + bias per row: x [N, C]; bias may be empty.
Variable layer_norm(Tape& tape, Variable x, Variable gain, Variable bias, float eps);

/// y = x / √(mean x² + eps) · gain per row: x [N, C].
Variable rms_norm(Tape& tape, Variable x, Variable gain, float eps);

/// A residual sum y = x + z and a norm of it, in one pass. REQUIRES: nothing later uses x
/// (Tape::continuing).
struct NormedSum {
  Variable sum, normed;
};
NormedSum add_layer_norm(Tape& tape, Variable x, Variable z, Variable gain, Variable bias,
                         float eps);
NormedSum add_rms_norm(Tape& tape, Variable x, Variable z, Variable gain, float eps);

/// Keys and values that several heads of queries share, once for each of them: qkv [N, (H + 2K)D],
/// K of them, which divides H → [N, 3HD]. Head h takes those numbered h / (H / K).
Variable repeat_heads(Tape& tape, Variable qkv, int64_t heads, int64_t kv_heads);

/// Normalises the D channels of every head of the queries and keys, in place, as layer_norm where
/// `centred` and as rms_norm otherwise, without a bias: qkv [B·T, 3C]; both gains [D], shared by
/// the heads.
void head_norm(Tape& tape, Variable qkv, int64_t heads, Variable query_gain, Variable key_gain,
               bool centred, float eps);

/// y = x ⊙ σ(g), each column of g for C / G neighbouring channels: x [N, C], g [N, G].
Variable gate(Tape& tape, Variable x, Variable g);
/// y = V W per head: V the values within qkv [N, 3C], weight [H, D, D] → [N, C].
Variable value_linear(Tape& tape, Variable qkv, Variable weight);

/// y = x / (1 − p) where a random word exceeds the share p, else 0: element i takes the word of
/// `random` at place first + i, four places to an index. 0 ≤ p < 1.
Variable dropout(Tape& tape, Variable x, double p, const Random& random, uint64_t first);

/// y = x + z, same shapes. REQUIRES: nothing later uses x (Tape::continuing).
Variable add(Tape& tape, Variable x, Variable z);

/// A loss over a share of a batch (BatchShare): its value is the share's part of the batch's
/// loss.
struct ShareOfLoss {
  int64_t targets = 0;  // that the whole batch has
  double sum = 0;       // becomes the sum over the share, which the loss is over `divisor`
  double divisor = 1;
};

/// Mean over the rows that have a target (≥ 0) of −log softmax(logits)_target: logits [N, V] → [1];
/// 0 where no row has one. Rows without a target get no gradient.
/// REQUIRES: `targets` stay valid until backward.
Variable cross_entropy(Tape& tape, Variable logits, std::span<const int32_t> targets,
                       ShareOfLoss* share = nullptr);

/// Mean over all numbers of the rows that have a target (≥ 0) of (x − answer)²: x and answers [N,
/// C], targets [N] → [1]; 0 where no row has one. Rows without a target get no gradient. REQUIRES:
/// `answers` and `targets` stay valid until backward.
Variable squared_error(Tape& tape, Variable x, std::span<const float> answers,
                       std::span<const int32_t> targets, ShareOfLoss* share = nullptr);

/// Rotates the pairs (d, d + R/2) of the first R channels of every head of the queries and keys, in
/// place: (a, b) → (a cos − b sin, a sin + b cos). qkv [B·T, 3C]; cos, sin [T, R/2].
void rotate(Tape& tape, Variable qkv, int64_t heads, Tensor cos, Tensor sin);

}  // namespace waiver
