#pragma once

#include <cstdint>
#include <span>

#include "autograd/tape.h"

namespace waiver {

/// Which keys a query sees: the range [begin, end) of token indices. Never empty.
class KeyRange {
 public:
  virtual ~KeyRange() = default;
  virtual int64_t begin(int64_t query, int64_t tokens) const = 0;
  virtual int64_t end(int64_t query, int64_t tokens) const = 0;
};

/// Turns one query's scores over its n visible keys into weights, in place.
class RowNormalizer {
 public:
  virtual ~RowNormalizer() = default;
  virtual void forward(float* row, int64_t n) const = 0;
  /// `grad` holds ∂L/∂weight and becomes ∂L/∂score; `row` holds the weights.
  virtual void backward(const float* row, float* grad, int64_t n) const = 0;
};

/// Adds to one query's scores over keys [0, n), given the position ids.
class ScoreBias {
 public:
  virtual ~ScoreBias() = default;
  virtual void add(int64_t head, int32_t query, const int32_t* keys, float* row,
                   int64_t n) const = 0;
};

struct AttentionSpec {
  int64_t batch = 0, tokens = 0, heads = 0;
  const KeyRange* mask = nullptr;
  const RowNormalizer* normalizer = nullptr;
  const ScoreBias* bias = nullptr;     // may be null
  const int32_t* positions = nullptr;  // [T] position ids, for the bias
  Tensor scores, pattern;              // [B, H, T, T] to be filled when given; hidden entries are
                                       // −inf in scores and 0 in pattern
};

/// qkv [B·T, 3C] → out [B·T, C], C = H·D; columns are q of all heads, then k, then v.
///   s_ij = q_i·k_j / √D + bias,  A_i = normalizer(s_i over visible j),  out_i = Σ_j A_ij v_j
/// Works in tiles of 64 queries of one head; backward recomputes a tile's weights, so no T × T
/// matrix is kept.
Variable attention(Tape& tape, Variable qkv, const AttentionSpec& spec);

}  // namespace waiver
