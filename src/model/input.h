#pragma once

#include <span>

#include "model/dropout.h"

namespace waiver {

class Intervention;

/// B sequences of T tokens, row-major, and the position ids of the T places; without ids, place t
/// has position t. Only training sets the noise, and only a pass that is not recorded may have an
/// intervention. REQUIRES: the arrays stay valid until backward.
struct Input {
  std::span<const int32_t> tokens;  // [B·T]; ignored where the model takes features
  int64_t batch = 0, length = 0;
  std::span<const int32_t> positions = {};  // [T], each in [0, context)
  std::optional<Noise> noise = {};          // of dropout
  Intervention* intervention = nullptr;     // edits along the way, or null
  std::span<const float> features = {};     // [B·T, C], where the model takes them
  std::span<const int32_t> whole = {};      // [B·T], what tells documents apart; empty: `tokens`
  std::span<const int32_t> types = {};    // [B·T], in [0, token_types.count); empty: as separators
                                          // tell
  BatchShare share = {};                  // where the sequences are a share of a batch
  std::span<const float> effective = {};  // [context, C] by position id; where it is edited
};

}  // namespace waiver
