#include <algorithm>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable dropout(Tape& tape, Variable x, double p, const Random& random, uint64_t first) {
  Check("dropout").contiguous("x", x.value);
  Variable y = tape.variable(x.shape());
  auto* kept = tape.arena().array<uint8_t>(y.value.size());
  const float scale = static_cast<float>(1.0 / (1.0 - p));
  const auto threshold = static_cast<uint32_t>(p * 0x1.0p32);
  parallel_ranges(y.value.size(), 1 << 13, [&](int64_t begin, int64_t end) {
    uint32_t words[256];
    for (int64_t at = begin; at < end; at += std::ssize(words)) {
      const int64_t n = std::min(end - at, std::ssize(words));
      random.words(first + at, {words, static_cast<size_t>(n)});
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) {
        kept[at + i] = words[i] >= threshold;
        y.value.data[at + i] = words[i] >= threshold ? scale * x.value.data[at + i] : 0.0f;
      }
    }
  });
  tape.record("dropout", y, [=] {
    const Gradient gradient(x);
    parallel_ranges(y.value.size(), 1 << 14, [&](int64_t begin, int64_t end) {
      const float* dy = y.grad.data;
      const GradientRow dx = gradient.all();
      for (int64_t i = begin; i < end; ++i) dx[i] += kept[i] ? scale * dy[i] : 0.0f;
    });
  });
  return y;
}

}  // namespace waiver
