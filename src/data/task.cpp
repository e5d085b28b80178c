#include "data/task.h"

#include <algorithm>

#include "core/threads.h"

namespace waiver {

int32_t Law::operator()(double u) const {
  if (u < share) return copy;
  constexpr double below_one = 0x1.fffffffffffffp-1;
  return (*draw)(std::min((u - share) / (1.0 - share), below_one));
}

double Law::probability(int64_t token) const {
  const double drawn = draw ? (1.0 - share) * draw->probability(token) : 0.0;
  return token == copy ? drawn + share : drawn;
}

int32_t Task::token(const int32_t* x, int64_t t, double u) const {
  const int32_t held = place(t);
  if (held == kRandom) return content()(u);
  return held == kData ? law(x, t)(u) : held;
}

void Task::fill(const Draws& draws, Batch& out) const {
  const int64_t T = out.tokens;
  parallel_ranges(out.batch, 8, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const SequenceRandom random = draws.numbers("", b, T);
      int32_t *x = &out.inputs[b * T], *y = &out.targets[b * T];
      x[0] = token(x, 0, draws.numbers("begin", b, 1).uniform(0));
      for (int64_t t = 0; t < T; ++t) {
        y[t] = token(x, t + 1, random.uniform(t));
        if (t + 1 < T) x[t + 1] = y[t];
      }
    }
  });
}

void Task::next(const int32_t* inputs, int64_t t, std::span<float> p) const {
  const int32_t held = place(t + 1);
  std::fill(p.begin(), p.end(), 0.0f);
  if (held == kData) {
    const Law following = law(inputs, t + 1);
    for (int64_t v = 0; v < vocabulary(); ++v) p[v] = static_cast<float>(following.probability(v));
  } else if (held == kRandom) {
    const TokenRange range = content();
    std::fill(p.begin() + range.begin, p.begin() + range.end,
              1.0f / static_cast<float>(range.end - range.begin));
  } else if (held >= 0) {
    p[held] = 1.0f;
  }
}

}  // namespace waiver
