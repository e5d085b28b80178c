#include "data/backcopy.h"

#include <algorithm>

#include "core/random.h"
#include "core/threads.h"

namespace waiver {

void BackcopyTask::batch(uint64_t seed, Split split, int64_t index, Batch& out) const {
  const int64_t T = out.tokens;
  const Random random(seed, split_name(split), static_cast<uint64_t>(index));
  parallel_ranges(out.batch, 8, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      int32_t *x = &out.inputs[b * T], *y = &out.targets[b * T];
      x[0] = bos_;
      for (int64_t t = 0; t < T; ++t) {
        const double u = random.uniform(b * T + t);
        y[t] = t == 0 ? first_(u) : is_trigger_[x[t]] ? x[t - 1] : follow_[x[t]](u);
        if (t + 1 < T) x[t + 1] = y[t];
      }
    }
  });
}

void BackcopyTask::next(const int32_t* inputs, int64_t t, std::span<float> p) const {
  if (t > 0 && is_trigger_[inputs[t]]) {
    std::fill(p.begin(), p.end(), 0.0f);
    p[inputs[t - 1]] = 1.0f;
    return;
  }
  const Sampler& sampler = t == 0 ? first_ : follow_[inputs[t]];
  for (int64_t v = 0; v < vocabulary(); ++v) p[v] = static_cast<float>(sampler.probability(v));
}

}  // namespace waiver
