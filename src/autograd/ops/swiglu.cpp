#include "autograd/ops/ops.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {

Variable swiglu(Tape& tape, Variable gate, Variable up) {
  Variable y = tape.variable(gate.shape());
  parallel_ranges(y.value.size(), 1 << 13, [&](int64_t begin, int64_t end) {
    const float *a = gate.value.data, *b = up.value.data;
    for (int64_t i = begin; i < end; ++i) y.value.data[i] = a[i] * sigmoid(a[i]) * b[i];
  });
  tape.record("swiglu", y, [=] {
    const bool first_gate = gate.first_gradient(), first_up = up.first_gradient();
    parallel_ranges(y.value.size(), 1 << 13, [&](int64_t begin, int64_t end) {
      const float *a = gate.value.data, *b = up.value.data, *dy = y.grad.data;
      float *da = gate.grad.data, *db = up.grad.data;
      for (int64_t i = begin; i < end; ++i) {
        const float s = sigmoid(a[i]), silu = a[i] * s;
        da[i] = (first_gate ? 0.0f : da[i]) + dy[i] * b[i] * (s + silu * (1.0f - s));
        db[i] = (first_up ? 0.0f : db[i]) + dy[i] * silu;
      }
    });
  });
  return y;
}

}  // namespace waiver
