#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {
namespace {

constexpr int64_t kRows = 64;  // rows of a tile

// A row in which every channel has its own gate.
void channel_gradient(const float* x, const float* g, const float* dy, int64_t C, GradientRow dx,
                      GradientRow dg) {
  for (int64_t c = 0; c < C; ++c) {
    const float s = sigmoid(g[c]);
    dx[c] += dy[c] * s;
    dg[c] += dy[c] * x[c] * s * (1.0f - s);
  }
}

// `width` channels that share one gate g.
void group_gradient(const float* x, float g, const float* dy, int64_t width, GradientRow dx,
                    GradientRow::Number dg) {
  const float s = sigmoid(g);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < width; ++c) sum += dy[c] * x[c];
  for (int64_t c = 0; c < width; ++c) dx[c] += dy[c] * s;
  dg += sum * s * (1.0f - s);
}

}  // namespace

Variable gate(Tape& tape, Variable x, Variable g) {
  const int64_t N = x.shape()[0], C = x.shape()[1], G = g.shape()[1];
  const Check check("gate");
  check.matrix("x", x.shape());
  check.matrix("g", g.shape());
  check.require(g.shape()[0] == N, "x {} must have as many rows as g {}", x.shape(), g.shape());
  check.require(G > 0 && C % G == 0, "the last axis of x {} must be a multiple of that of g {}",
                x.shape(), g.shape());
  const int64_t width = C / G;
  const Variable y = tape.input(N, C);
  parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float *in = x.value.row(n), *z = g.value.row(n);
      float* out = y.value.row(n);
      if (width == 1)
        for (int64_t c = 0; c < C; ++c) out[c] = in[c] * sigmoid(z[c]);
      else
        for (int64_t k = 0; k < G; ++k) {
          const float s = sigmoid(z[k]);
          for (int64_t c = k * width; c < (k + 1) * width; ++c) out[c] = in[c] * s;
        }
    }
    y.rounded.fill(begin, end);
  });
  tape.record("gate", y, [=] {
    const Gradient gradient_x(x), gradient_g(g);
    parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const float *in = x.value.row(n), *z = g.value.row(n), *dy = y.grad.row(n);
        const GradientRow dx = gradient_x.row(n), dg = gradient_g.row(n);
        if (width == 1)
          channel_gradient(in, z, dy, C, dx, dg);
        else
          for (int64_t k = 0; k < G; ++k)
            group_gradient(in + k * width, z[k], dy + k * width, width, dx.from(k * width), dg[k]);
      }
    });
  });
  return y;
}

}  // namespace waiver
