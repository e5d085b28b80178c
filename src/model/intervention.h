#pragma once

#include "autograd/ops/attention/spec.h"
#include "model/points.h"

namespace waiver {

/// Edits a forward pass at named points, in place, before the values there are used or shown. A
/// pass in which no point is changed gives the same bits as one without an intervention.
///
/// The points are those that model/points.h marks as editable; those of the input are edited before
/// the pass and never asked for here. Queries, keys and values come with a pitch.
///
/// Queries and keys stay valid until the block's scores have been edited.
/// An edited row of attn.scores is normalised again, over the keys whose score is not −∞: −∞ hides
/// a key. An edited row of attn.pattern is used as it is, except that the weights of hidden keys
/// stay 0.
class Intervention {
 public:
  virtual ~Intervention() = default;
  /// `layer` is −1 outside the blocks.
  virtual bool edits(int64_t layer, Point point) const = 0;
  virtual void edit(int64_t layer, Point point, const Tensor& t) = 0;
};

/// Lets `change` edit the scores and the pattern of a block, and recomputes the mix of exactly
/// those rows that it changed. REQUIRES: spec.scores and spec.pattern are filled; mix is
/// attention's output.
void edit_attention(Intervention& change, int64_t layer, const AttentionSpec& spec,
                    const Tensor& qkv, const Tensor& mix);

}  // namespace waiver
