#include <cstring>

#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable prepend(Tape& tape, Variable x, Variable rows, int64_t batch) {
  const int64_t C = x.shape()[1], T = x.shape()[0] / batch, R = rows.shape()[0], S = R + T;
  Variable y = tape.variable({batch * S, C});
  parallel_tiles(batch, [&](int64_t b) {
    std::memcpy(y.value.row(b * S), rows.value.data, R * C * sizeof(float));
    std::memcpy(y.value.row(b * S + R), x.value.row(b * T), T * C * sizeof(float));
  });
  tape.record("prepend", y, [=] {
    const bool first = x.first_gradient();
    // Every sequence adds to the same rows, so tiles share out the channels.
    parallel_ranges(C, 32, [&](int64_t begin, int64_t end) {
      for (int64_t b = 0; b < batch; ++b)
        for (int64_t s = 0; s < S; ++s) {
          const float* dy = y.grad.row(b * S + s);
          if (s < R && !rows.wants_grad()) continue;
          float* d = s < R ? rows.grad.row(s) : x.grad.row(b * T + s - R);
          const bool set = first && s >= R;
          for (int64_t c = begin; c < end; ++c) d[c] = (set ? 0.0f : d[c]) + dy[c];
        }
    });
  });
  return y;
}

}  // namespace waiver
