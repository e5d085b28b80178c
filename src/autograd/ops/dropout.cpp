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
      const float* in = x.value.data + at;
      float* out = y.value.data + at;
      for (int64_t i = 0; i < n; ++i) {
        const float grown = scale * in[i];  // of all, so that the loop has no branch
        out[i] = words[i] >= threshold ? grown : 0.0f;
      }
      for (int64_t i = 0; i < n; ++i) kept[at + i] = words[i] >= threshold;
    }
  });
  tape.record("dropout", y, [=] {
    const Gradient gradient(x);
    parallel_ranges(y.value.size(), 1 << 14, [&](int64_t begin, int64_t end) {
      const float* dy = y.grad.data;
      gradient.all().add(begin, end, [=](int64_t i) {
        const float grown = scale * dy[i];
        return kept[i] ? grown : 0.0f;
      });
    });
  });
  return y;
}

}  // namespace waiver
