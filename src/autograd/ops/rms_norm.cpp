#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"
#include "autograd/ops/residual.h"
#include "core/threads.h"

namespace waiver {
namespace {

float inverse_rms(const float* x, int64_t C, float eps) {
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (int64_t c = 0; c < C; ++c) squares += x[c] * x[c];
  return 1.0f / std::sqrt(squares / static_cast<float>(C) + eps);
}

// With h = x·r and g = dy·gain: dx = r·(g − h·mean(g·h)).
void row_gradient(const float* x, const float* dy, const float* gain, float r, int64_t C,
                  GradientRow dx, float* dgain) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < C; ++c) sum += dy[c] * gain[c] * x[c] * r;
  const float mean = sum / static_cast<float>(C);
  dx.add(0, C, [=](int64_t c) { return r * (dy[c] * gain[c] - x[c] * r * mean); });
  for (int64_t c = 0; c < C; ++c) dgain[c] += dy[c] * (x[c] * r);
}

NormedSum apply(const char* op, Tape& tape, Variable x, Variable z, Variable gain, float eps) {
  const Check check(op);
  check.matrix("x", x.shape());
  const int64_t N = x.shape()[0], C = x.shape()[1];
  check.vector("gain", gain.shape(), C, "channels");
  const Residual residual(tape, check, x, z);
  const BatchParts parts = tape.parts(N);
  const Variable sum = residual.sum(), y = tape.input(N, C);
  float* r = tape.arena().array<float>(N);
  parts.for_tiles([&](int64_t, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      residual.add(n);
      const float* in = sum.value.row(n);
      float* out = y.value.row(n);
      const float inverse = r[n] = inverse_rms(in, C, eps);
      for (int64_t c = 0; c < C; ++c) out[c] = in[c] * inverse * gain.value.data[c];
    }
    y.rounded.fill(begin, end);
  });
  if (!tape.recording()) return {sum, y};

  const Tensor partial = tape.arena().tensor({parts.tiles(), C});  // a tile's dgain
  const auto backward = [=, &tape] {
    const bool reached = y.touched();
    const Gradient dsum(sum);
    const Residual::Back back(residual);
    parts.for_tiles([&](int64_t tile, int64_t begin, int64_t end) {
      float* sums = partial.row(tile);
      std::fill_n(sums, C, 0.0f);
      for (int64_t n = begin; n < end; ++n) {
        if (reached)
          row_gradient(sum.value.row(n), y.grad.row(n), gain.value.data, r[n], C, dsum.row(n),
                       sums);
        back.pass(n);
      }
    });
    if (gain.wants_grad()) parts.add_tiles(partial, 0, C, tape.gradient_of(gain).data);
  };
  tape.record(op, y, backward, z.value ? sum : Variable{});
  return {sum, y};
}

}  // namespace

Variable rms_norm(Tape& tape, Variable x, Variable gain, float eps) {
  return apply("rms_norm", tape, x, {}, gain, eps).normed;
}

NormedSum add_rms_norm(Tape& tape, Variable x, Variable z, Variable gain, float eps) {
  return apply("add_rms_norm", tape, x, z, gain, eps);
}

}  // namespace waiver
