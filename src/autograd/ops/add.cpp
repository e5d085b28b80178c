#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable add(Tape& tape, Variable x, Variable z) {
  Variable y = tape.variable(x.shape());
  parallel_ranges(y.value.size(), 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y.value.data[i] = x.value.data[i] + z.value.data[i];
  });
  tape.record("add", [=] {
    parallel_ranges(y.value.size(), 1 << 14, [&](int64_t begin, int64_t end) {
      const float* dy = y.grad.data;
      float *dx = x.grad.data, *dz = z.grad.data;
      for (int64_t i = begin; i < end; ++i) dx[i] += dy[i];
      for (int64_t i = begin; i < end; ++i) dz[i] += dy[i];
    });
  });
  return y;
}

}  // namespace waiver
