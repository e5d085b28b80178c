#include <array>

#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable dropout(Tape& tape, Variable x, double p, const Random& random, uint64_t first) {
  Variable y = tape.variable(x.shape());
  auto* kept = tape.arena().array<uint8_t>(y.value.size());
  const float scale = static_cast<float>(1.0 / (1.0 - p));
  const auto threshold = static_cast<uint64_t>(p * 0x1.0p32);
  parallel_ranges(y.value.size(), 1 << 13, [&](int64_t begin, int64_t end) {
    std::array<uint32_t, 4> words = random.words((first + begin) / 4);
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t place = first + i;
      if (place % 4 == 0) words = random.words(place / 4);
      kept[i] = words[place % 4] >= threshold;
      y.value.data[i] = kept[i] ? scale * x.value.data[i] : 0.0f;
    }
  });
  tape.record("dropout", y, [=] {
    const bool add = !x.first_gradient();
    parallel_ranges(y.value.size(), 1 << 14, [&](int64_t begin, int64_t end) {
      const float* dy = y.grad.data;
      float* dx = x.grad.data;
      for (int64_t i = begin; i < end; ++i)
        dx[i] = (add ? dx[i] : 0.0f) + (kept[i] ? scale * dy[i] : 0.0f);
    });
  });
  return y;
}

}  // namespace waiver
