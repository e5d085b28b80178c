#pragma once

#include "autograd/ops/attention_spec.h"
#include "model/points.h"

namespace waiver {

/// Changes a forward pass at named points, in place, before what stands there is used or shown. A
/// pass whose points are all left as they are gives the same bits as one without an intervention.
///
/// The points are those of model/points.h that may be edited; what `input` has is edited before the
/// pass and never asked for here. Queries, keys and values come with a pitch.
///
/// Queries and keys stay where they are until the block's scores have been edited.
/// A row of attn.scores that was changed is normalised again, over the keys whose score is not −∞:
/// −∞ takes a key away. A row of attn.pattern that was changed is used as it is, but for keys that
/// are hidden, whose weight stays 0.
class Intervention {
 public:
  virtual ~Intervention() = default;
  /// `layer` is −1 outside the blocks.
  virtual bool edits(int64_t layer, Point point) const = 0;
  virtual void edit(int64_t layer, Point point, const Tensor& t) = 0;
};

/// Lets `change` edit the scores and the pattern of a block, and mixes the values of the rows that
/// it touched again, and of no other. REQUIRES: spec.scores and spec.pattern are filled; mix is
/// what attention gave.
void edit_attention(Intervention& change, int64_t layer, const AttentionSpec& spec,
                    const Tensor& qkv, const Tensor& mix);

}  // namespace waiver
