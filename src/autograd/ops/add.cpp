#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable add(Tape& tape, Variable x, Variable z) {
  const Check check("add");
  check.equal("x", x.shape(), "z", z.shape());
  check.contiguous("x", x.value);
  check.contiguous("z", z.value);
  Variable y = tape.variable(x.shape());
  parallel_ranges(y.value.size(), 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y.value.data[i] = x.value.data[i] + z.value.data[i];
  });
  tape.record("add", y, [=] {
    for (const Variable& input : {x, z}) {
      const Gradient gradient(input);
      parallel_ranges(y.value.size(), 1 << 14, [&](int64_t begin, int64_t end) {
        const float* dy = y.grad.data;
        const GradientRow dx = gradient.all();
        for (int64_t i = begin; i < end; ++i) dx[i] += dy[i];
      });
    }
  });
  return y;
}

}  // namespace waiver
