#include <algorithm>
#include <cmath>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
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
  for (int64_t c = 0; c < C; ++c) {
    const float h = x[c] * r;
    dx[c] += r * (dy[c] * gain[c] - h * mean);
    dgain[c] += dy[c] * h;
  }
}

}  // namespace

Variable rms_norm(Tape& tape, Variable x, Variable gain, float eps) {
  const int64_t N = x.shape()[0], C = x.shape()[1];
  const BatchParts parts = tape.parts(N);
  const Check check("rms_norm");
  check.matrix("x", x.shape());
  check.vector("gain", gain.shape(), C, "channels");
  Variable y = tape.variable(x.shape());
  float* r = tape.arena().array<float>(N);
  parts.for_tiles([&](int64_t, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* in = x.value.row(n);
      float* out = y.value.row(n);
      r[n] = inverse_rms(in, C, eps);
      for (int64_t c = 0; c < C; ++c) out[c] = in[c] * r[n] * gain.value.data[c];
    }
  });
  if (!tape.recording()) return y;

  Tensor partial = tape.arena().tensor({parts.tiles(), C});  // a tile's dgain
  tape.record("rms_norm", y, [=] {
    const Gradient dx(x);
    parts.for_tiles([&](int64_t tile, int64_t begin, int64_t end) {
      float* sums = partial.row(tile);
      for (int64_t c = 0; c < C; ++c) sums[c] = 0;
      for (int64_t n = begin; n < end; ++n)
        row_gradient(x.value.row(n), y.grad.row(n), gain.value.data, r[n], C, dx.row(n), sums);
    });
    if (gain.wants_grad()) parts.add_tiles(partial, 0, C, gain.grad.data);
  });
  return y;
}

}  // namespace waiver
