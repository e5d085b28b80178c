#include <cstring>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable without_first(Tape& tape, Variable x, int64_t count, int64_t batch) {
  const Check check("without_first");
  check.matrix("x", x.shape());
  check.sequences("x", x.shape(), batch);
  check.require(count >= 0 && count * batch <= x.shape()[0],
                "each of the {} sequences of x {} must have {} rows to drop", batch, x.shape(),
                count);
  check.contiguous("x", x.value);
  const int64_t C = x.shape()[1], S = x.shape()[0] / batch, T = S - count;
  Variable y = tape.variable({batch * T, C});
  parallel_tiles(batch, [&](int64_t b) {
    std::memcpy(y.value.row(b * T), x.value.row(b * S + count), T * C * sizeof(float));
  });
  tape.record("without_first", y, [=] {
    const Gradient gradient(x);
    parallel_tiles(batch, [&](int64_t b) {
      gradient.row(b * S).skip(count * C);
      const float* dy = y.grad.row(b * T);
      const GradientRow dx = gradient.row(b * S + count);
      for (int64_t i = 0; i < T * C; ++i) dx[i] += dy[i];
    });
  });
  return y;
}

}  // namespace waiver
