#pragma once

#include <functional>

#include "autograd/ops/ops.h"
#include "autograd/ops/row_products.h"

namespace waiver {

/// An output layer: logits x W + b where `as_is`, W [C, V], or else x Wᵀ + b, W [V, C]; b [V] or
/// empty.
struct OutputLayer {
  Variable weight, bias;
  bool as_is;

  int64_t vocabulary() const { return weight.shape()[as_is ? 1 : 0]; }
};

/// Whether logits of x [rows, C] take so much memory that they had better not be there twice.
bool many_logits(int64_t rows, const OutputLayer& layer);
/// Whether output_loss has those in parts: where the tape computes blocks anew, but for a small W,
/// whose gradient is summed in another way. REQUIRES: the tape knows its sequences.
bool loss_comes_in_parts(const Tape& tape, int64_t rows, const OutputLayer& layer);

/// cross_entropy of the layer's logits, and all gradients, to the same bits. The logits' gradient
/// takes the place of the logits; or these, where the loss comes in parts, are there in parts
/// alone: forward 64 MiB of some rows, backward, computed anew, 64 MiB of some columns, or 4,096
/// columns where those are more. REQUIRES: `targets` stay valid until backward.
Variable output_loss(Tape& tape, Variable x, const OutputLayer& layer,
                     std::span<const int32_t> targets, ShareOfLoss* share = nullptr);

/// f(n, logits) for some rows at a time, n the number of the first: the layer's logits of x, to the
/// bits of all of them together.
void for_logits(Tape& tape, Variable x, const OutputLayer& layer,
                const std::function<void(int64_t, const Tensor&)>& f);

}  // namespace waiver
