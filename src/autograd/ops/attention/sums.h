#pragma once

#include "autograd/ops/attention/spec.h"

namespace waiver::attention_tile {

/// What attention adds to the gradients of parameters that all sequences share: rows of their own
/// for every head of every sequence, for the biases one for each of its `pieces`. Empty where no
/// gradient is wanted.
class HeadSums {
 public:
  HeadSums(Arena& arena, const AttentionSpec& spec, int64_t pieces);

  /// Adds them to the gradients: the pieces of a head in order, sequences as BatchParts has it.
  void add_up(const Tape& tape, const AttentionSpec& spec, const BatchParts& parts) const;

  Tensor slot_key, slot_value, start;  // [B·H, R]
  Tensor bias, bias_shared;            // [B·H·pieces, R]

 private:
  int64_t pieces_;
};

/// A row, or null where there are none.
inline float* row_or_null(const Tensor& sums, int64_t index) {
  return sums ? sums.row(index) : nullptr;
}

}  // namespace waiver::attention_tile
