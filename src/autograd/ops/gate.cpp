#include "autograd/ops/ops.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {
namespace {

constexpr int64_t kRows = 64;  // rows of a tile

// One row where every channel has a gate; dx and dg become 0 before where `first`.
void channel_gradient(const float* x, const float* g, const float* dy, int64_t C, bool first_x,
                      bool first_g, float* dx, float* dg) {
  for (int64_t c = 0; c < C; ++c) {
    const float s = sigmoid(g[c]);
    dx[c] = (first_x ? 0.0f : dx[c]) + dy[c] * s;
    dg[c] = (first_g ? 0.0f : dg[c]) + dy[c] * x[c] * s * (1.0f - s);
  }
}

// `width` channels that share the gate g.
void group_gradient(const float* x, float g, const float* dy, int64_t width, bool first_x,
                    bool first_g, float* dx, float& dg) {
  const float s = sigmoid(g);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < width; ++c) sum += dy[c] * x[c];
  for (int64_t c = 0; c < width; ++c) dx[c] = (first_x ? 0.0f : dx[c]) + dy[c] * s;
  dg = (first_g ? 0.0f : dg) + sum * s * (1.0f - s);
}

}  // namespace

Variable gate(Tape& tape, Variable x, Variable g) {
  const int64_t N = x.shape()[0], C = x.shape()[1], G = g.shape()[1], width = C / G;
  Variable y = tape.variable(x.shape());
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
  });
  tape.record("gate", y, [=] {
    const bool first_x = x.first_gradient(), first_g = g.first_gradient();
    parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const float *in = x.value.row(n), *z = g.value.row(n), *dy = y.grad.row(n);
        float *dx = x.grad.row(n), *dg = g.grad.row(n);
        if (width == 1)
          channel_gradient(in, z, dy, C, first_x, first_g, dx, dg);
        else
          for (int64_t k = 0; k < G; ++k)
            group_gradient(in + k * width, z[k], dy + k * width, width, first_x, first_g,
                           dx + k * width, dg[k]);
      }
    });
  });
  return y;
}

}  // namespace waiver
