#pragma once

#include <span>

#include "model/dropout.h"

namespace waiver {

class Intervention;

/// B sequences of T tokens, row-major, and the position id of each of the T places; without ids,
/// place t has position t. Only training gives noise, and only a pass that is not recorded may have
/// an intervention. REQUIRES: arrays stay until backward.
struct Input {
  std::span<const int32_t> tokens;  // [B·T]; not looked at where the model takes features
  int64_t batch = 0, length = 0;
  std::span<const int32_t> positions = {};  // [T], each in [0, context)
  std::optional<Noise> noise = {};          // of dropout
  Intervention* intervention = nullptr;     // what is changed on the way, or null
  std::span<const float> features = {};     // [B·T, C], where the model takes them
  std::span<const int32_t> whole = {};      // [B·T], what tells documents apart; empty: `tokens`
};

}  // namespace waiver
