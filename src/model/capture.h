#pragma once

#include <string_view>

#include "autograd/tape.h"

namespace waiver {

/// Watches a forward pass. It asks for named points; the pass that is watched is the very pass
/// that trains, so watching changes nothing. Tensors are valid only during the call.
///
/// A block without attention, or without an MLP, does not have its points. S = R + T, R the sink
/// tokens of the model: within blocks they are the first R of every S.
///
/// | point                  | shape        | what                                               |
/// | embed                  | [B·T, C]     | embedding with its encoding                        |
/// | blocks.{l}.attn.in     | [B·S, C]     | what queries, keys and values are made of          |
/// | blocks.{l}.attn.qkv    | [B·S, 3C]    | queries, keys (both normalised, turned), values    |
/// | blocks.{l}.attn.scores | [B, H, S, S] | before the normaliser, bias included; −inf hidden  |
/// | blocks.{l}.attn.pattern| [B, H, S, S] | after it; 0 where hidden                           |
/// | blocks.{l}.attn.slot   | [B, H, S]    | the same for the slot's key, where there is a slot |
/// | blocks.{l}.attn.mix    | [B·S, C]     | Σ_j A_ij v_j, heads side by side, before any gate  |
/// | blocks.{l}.attn.out    | [B·S, C]     | the above, gated, through the output projection    |
/// | blocks.{l}.attn.added  | [B·S, C]     | the same, as it joins the stream (model/branch.h)  |
/// | blocks.{l}.mlp.out     | [B·S, C]     | what the MLP gives, before any norm                |
/// | blocks.{l}.mlp.added   | [B·S, C]     | the same, as it joins the stream                   |
/// | blocks.{l}.resid       | [B·S, C]     | residual stream after the block                    |
/// | final.norm             | [B·T, C]     | what the output layer gets                         |
/// | logits                 | [B·T, V]     | or what the model answers to features [B·T, C]     |
class Capture {
 public:
  virtual ~Capture() = default;
  /// `layer` is −1 outside the blocks; `point` is the last part, e.g. `attn.pattern`.
  virtual bool wants(int64_t layer, std::string_view point) const = 0;
  virtual void take(int64_t layer, std::string_view point, const Tensor& t) = 0;
  /// How attn.in comes. Where the tape records, `backward` leaves ∂L/∂x in its gradient, which
  /// stays until the memory of the tape is reset.
  virtual void take_variable(int64_t layer, std::string_view point, const Variable& x) {
    take(layer, point, x.value);
  }
};

}  // namespace waiver
