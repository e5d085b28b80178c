#include "model/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.h"

namespace waiver {
namespace {

int32_t draw(const float* logits, int64_t V, const SampleOptions& options, double u) {
  std::vector<int32_t> order(V);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  if (options.temperature == 0) return order[0];
  const int64_t among = options.top_k > 0 ? std::min(options.top_k, V) : V;
  std::vector<double> cumulative(among);
  double sum = 0;
  for (int64_t i = 0; i < among; ++i)
    cumulative[i] = sum += std::exp((logits[order[i]] - logits[order[0]]) / options.temperature);
  const auto at = std::upper_bound(cumulative.begin(), cumulative.end(), u * sum);
  return order[std::min<int64_t>(at - cumulative.begin(), among - 1)];
}

}  // namespace

void sample(const Transformer& model, std::vector<int32_t> tokens, std::span<const int32_t> front,
            const SampleOptions& options, const std::function<void(int32_t)>& write) {
  const Random random(options.seed, "sample");
  const int64_t context = model.config().context, V = model.vocabulary();
  Arena arena;
  for (int64_t n = 0; n < options.tokens; ++n) {
    const int64_t length = std::min<int64_t>(std::ssize(tokens), context);
    std::vector<int32_t> window(tokens.end() - length, tokens.end());
    std::copy(front.begin(), front.end(), window.begin());
    arena.reset();
    Tape tape(arena, false);
    const Variable logits = model.forward(tape, {window, 1, length});
    tokens.push_back(draw(logits.value.row(length - 1), V, options, random.uniform(n)));
    write(tokens.back());
    if (std::ssize(tokens) > context) tokens.erase(tokens.begin());
  }
}

}  // namespace waiver
