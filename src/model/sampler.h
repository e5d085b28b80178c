#pragma once

#include <functional>
#include <vector>

#include "model/transformer.h"

namespace waiver {

struct SampleOptions {
  int64_t tokens = 500;
  double temperature = 1.0;  // 0: always the likeliest token
  int64_t top_k = 0;         // draw among the k likeliest tokens; 0: among all
  uint64_t seed = 0;
};

/// Continues `prompt` (not empty) token by token; each is drawn from softmax(logits / temperature)
/// given the last model.context tokens. Token n depends on the seed and the tokens before it.
/// The tokens of `front`, fewer than the context, stay at its front when older tokens leave it.
/// `write` gets each token as soon as it is drawn.
void sample(const Transformer& model, std::vector<int32_t> prompt, std::span<const int32_t> front,
            const SampleOptions& options, const std::function<void(int32_t)>& write);

}  // namespace waiver
