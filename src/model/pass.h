#pragma once

#include <span>

#include "autograd/ops/attention/spec.h"
#include "model/capture.h"
#include "model/input.h"
#include "model/intervention.h"

namespace waiver {

/// What all blocks of one forward pass are given.
struct Pass {
  Input input;                          // with the sink tokens' places and positions
  std::span<const KeyRange> documents;  // of each token, or empty
  std::span<const int32_t> dedicated;   // the row of embed.dedicated of each token, or empty
  Capture* capture = nullptr;
};

inline bool edits(const Input& input, int64_t layer, Point point) {
  return input.intervention && input.intervention->edits(layer, point);
}

inline void show(Capture* capture, int64_t layer, Point point, const Tensor& t) {
  if (capture && capture->wants(layer, point)) capture->take(layer, point, t);
}

/// Lets an intervention edit a point where it asks to, then shows the point.
inline void pass(const Input& input, Capture* capture, int64_t layer, Point point,
                 const Tensor& t) {
  if (edits(input, layer, point)) input.intervention->edit(layer, point, t);
  show(capture, layer, point, t);
}

/// Lets an intervention edit what an encoding added to `plain`; unchanged rows keep their bits.
void edit_added(const Input& input, int64_t layer, Point point, Arena& arena, const Tensor& plain,
                const Tensor& encoded);

}  // namespace waiver
