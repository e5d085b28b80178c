#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable add_positions(Tape& tape, Variable x, Variable table, std::span<const int32_t> positions) {
  const int64_t N = x.shape()[0], C = x.shape()[1], T = static_cast<int64_t>(positions.size());
  const Check check("add_positions");
  check.matrix("x", x.shape());
  check.matrix("table", table.shape());
  check.require(table.shape()[1] == C, "the last axis of x {} must match the last axis of table {}",
                x.shape(), table.shape());
  check.require(T > 0 && N % T == 0, "the rows of x {} must be a multiple of the {} positions",
                x.shape(), T);
  Variable y = tape.variable(x.shape());
  parallel_ranges(N, 256, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float *in = x.value.row(n), *add = table.value.row(positions[n % T]);
      float* out = y.value.row(n);
      for (int64_t c = 0; c < C; ++c) out[c] = in[c] + add[c];
    }
  });
  tape.record("add_positions", y, [=] {
    const Gradient gradient(x);
    parallel_ranges(C, 32, [&](int64_t begin, int64_t end) {
      for (int64_t n = 0; n < N; ++n) {
        const float* dy = y.grad.row(n);
        const GradientRow dx = gradient.row(n);
        for (int64_t c = begin; c < end; ++c) dx[c] += dy[c];
        if (!table.wants_grad()) continue;
        float* d = table.grad.row(positions[n % T]);
        for (int64_t c = begin; c < end; ++c) d[c] += dy[c];
      }
    });
  });
  return y;
}

}  // namespace waiver
