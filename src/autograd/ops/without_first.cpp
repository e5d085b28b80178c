#include <cstring>

#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable without_first(Tape& tape, Variable x, int64_t count, int64_t batch) {
  const int64_t C = x.shape()[1], S = x.shape()[0] / batch, T = S - count;
  Variable y = tape.variable({batch * T, C});
  parallel_tiles(batch, [&](int64_t b) {
    std::memcpy(y.value.row(b * T), x.value.row(b * S + count), T * C * sizeof(float));
  });
  tape.record("without_first", y, [=] {
    const bool first = x.first_gradient();
    parallel_tiles(batch, [&](int64_t b) {
      if (first) std::fill_n(x.grad.row(b * S), count * C, 0.0f);
      const float* dy = y.grad.row(b * T);
      float* dx = x.grad.row(b * S + count);
      for (int64_t i = 0; i < T * C; ++i) dx[i] = (first ? 0.0f : dx[i]) + dy[i];
    });
  });
  return y;
}

}  // namespace waiver
