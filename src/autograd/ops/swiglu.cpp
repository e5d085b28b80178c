#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {

Variable swiglu(Tape& tape, Variable gate, Variable up) {
  const Check check("swiglu");
  check.equal("gate", gate.shape(), "up", up.shape());
  check.contiguous("gate", gate.value);
  check.contiguous("up", up.value);
  Variable y = tape.variable(gate.shape());
  parallel_ranges(y.value.size(), 1 << 13, [&](int64_t begin, int64_t end) {
    const float *a = gate.value.data, *b = up.value.data;
    for (int64_t i = begin; i < end; ++i) y.value.data[i] = a[i] * sigmoid(a[i]) * b[i];
  });
  tape.record("swiglu", y, [=] {
    const Gradient gradient_gate(gate), gradient_up(up);
    parallel_ranges(y.value.size(), 1 << 13, [&](int64_t begin, int64_t end) {
      const float *a = gate.value.data, *b = up.value.data, *dy = y.grad.data;
      const GradientRow da = gradient_gate.all(), db = gradient_up.all();
      for (int64_t i = begin; i < end; ++i) {
        const float s = sigmoid(a[i]), silu = a[i] * s;
        da[i] += dy[i] * b[i] * (s + silu * (1.0f - s));
        db[i] += dy[i] * silu;
      }
    });
  });
  return y;
}

}  // namespace waiver
