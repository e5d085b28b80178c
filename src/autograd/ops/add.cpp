#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable add(Tape& tape, Variable x, Variable z) {
  Variable y = tape.variable(x.shape());
  parallel_ranges(y.value.size(), 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y.value.data[i] = x.value.data[i] + z.value.data[i];
  });
  tape.record("add", y, [=] {
    for (const Variable& input : {x, z}) {
      const bool first = input.first_gradient();
      parallel_ranges(y.value.size(), 1 << 14, [&](int64_t begin, int64_t end) {
        const float* dy = y.grad.data;
        float* d = input.grad.data;
        for (int64_t i = begin; i < end; ++i) d[i] = (first ? 0.0f : d[i]) + dy[i];
      });
    }
  });
  return y;
}

}  // namespace waiver
