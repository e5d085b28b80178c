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
      gradient_gate.all().add(begin, end, [=](int64_t i) {
        const float s = sigmoid(a[i]);
        return dy[i] * b[i] * (s + a[i] * s * (1.0f - s));
      });
      gradient_up.all().add(begin, end, [=](int64_t i) { return dy[i] * (a[i] * sigmoid(a[i])); });
    });
  });
  return y;
}

}  // namespace waiver
