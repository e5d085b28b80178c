#pragma once

#include "autograd/ops/attention/spec.h"
#include "core/arena.h"

namespace waiver::attention_tile {

/// Queries, keys and values of all heads as inputs of products, each [B·T, C]. For AMX keys
/// and values lie in panels, keys as [C, B·T], where T and D are multiples of 32.
struct Inputs {
  Operand q, k, v;

  /// None, where no product is made.
  Inputs() = default;
  Inputs(Arena& arena, const Tensor& qkv, const AttentionSpec& spec);
};
/// The same for backward's other products: keys by row, and values as `Inputs` has keys.
struct OtherInputs {
  Operand k, v;

  OtherInputs(Arena& arena, const Tensor& qkv, const Inputs& inputs);
};

/// Keys or values of a head from the `first`-th on, as the right-hand side of products with rows of
/// D numbers: [D, keys] where `op` is plain, else [keys, D].
struct Keys {
  Operand matrix;
  Op op = Op::transposed;
  int64_t first = 0;

  Operand from(int64_t key) const {
    return op == Op::plain ? matrix.at(0, key - first) : matrix.at(key - first, 0);
  }
};

}  // namespace waiver::attention_tile
