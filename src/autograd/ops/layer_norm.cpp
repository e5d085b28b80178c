#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"
#include "autograd/ops/residual.h"
#include "core/threads.h"

namespace waiver {
namespace {

struct RowStatistics {
  float mean, rstd;
};

RowStatistics statistics(const float* x, int64_t C, float eps) {
  float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < C; ++c) sum += x[c];
  const float mean = sum / static_cast<float>(C);
#pragma omp simd reduction(+ : squares)
  for (int64_t c = 0; c < C; ++c) squares += (x[c] - mean) * (x[c] - mean);
  return {mean, 1.0f / std::sqrt(squares / static_cast<float>(C) + eps)};
}

// With h = (x − mean)·rstd and g = dy·gain: dx = rstd·(g − mean(g) − h·mean(g·h)).
void row_gradient(const float* x, const float* dy, const float* gain, RowStatistics s, int64_t C,
                  GradientRow dx, float* dgain, float* dbias) {
  float sum_g = 0, sum_gh = 0;
#pragma omp simd reduction(+ : sum_g, sum_gh)
  for (int64_t c = 0; c < C; ++c) {
    const float h = (x[c] - s.mean) * s.rstd, g = dy[c] * gain[c];
    sum_g += g;
    sum_gh += g * h;
  }
  const float mean_g = sum_g / static_cast<float>(C), mean_gh = sum_gh / static_cast<float>(C);
  dx.add(0, C, [=](int64_t c) {
    return s.rstd * (dy[c] * gain[c] - mean_g - (x[c] - s.mean) * s.rstd * mean_gh);
  });
  for (int64_t c = 0; c < C; ++c) {
    dgain[c] += dy[c] * ((x[c] - s.mean) * s.rstd);
    dbias[c] += dy[c];
  }
}

NormedSum apply(const char* op, Tape& tape, Variable x, Variable z, Variable gain, Variable bias,
                float eps) {
  const Check check(op);
  check.matrix("x", x.shape());
  const int64_t N = x.shape()[0], C = x.shape()[1];
  check.vector("gain", gain.shape(), C, "channels");
  if (bias.value) check.vector("bias", bias.shape(), C, "channels");
  const Residual residual(tape, check, x, z);
  const BatchParts parts = tape.parts(N);
  const Variable sum = residual.sum(), y = tape.input(N, C);
  auto* rows = tape.arena().array<RowStatistics>(N);
  parts.for_tiles([&](int64_t, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      residual.add(n);
      const float* in = sum.value.row(n);
      const RowStatistics s = rows[n] = statistics(in, C, eps);
      float* out = y.value.row(n);
      for (int64_t c = 0; c < C; ++c) out[c] = (in[c] - s.mean) * s.rstd * gain.value.data[c];
      if (bias.value)
        for (int64_t c = 0; c < C; ++c) out[c] += bias.value.data[c];
    }
    y.rounded.fill(begin, end);
  });
  if (!tape.recording()) return {sum, y};

  const Tensor partial = tape.arena().tensor({parts.tiles(), 2 * C});  // a tile's dgain, dbias
  const auto backward = [=, &tape] {
    const bool reached = y.touched();
    const Gradient dsum(sum);
    const Residual::Back back(residual);
    parts.for_tiles([&](int64_t tile, int64_t begin, int64_t end) {
      float* sums = partial.row(tile);
      std::fill_n(sums, 2 * C, 0.0f);
      for (int64_t n = begin; n < end; ++n) {
        if (reached)
          row_gradient(sum.value.row(n), y.grad.row(n), gain.value.data, rows[n], C, dsum.row(n),
                       sums, sums + C);
        back.pass(n);
      }
    });
    if (gain.wants_grad()) parts.add_tiles(partial, 0, C, tape.gradient_of(gain).data);
    if (bias.wants_grad()) parts.add_tiles(partial, C, C, tape.gradient_of(bias).data);
  };
  tape.record(op, y, backward, z.value ? sum : Variable{});
  return {sum, y};
}

}  // namespace

Variable layer_norm(Tape& tape, Variable x, Variable gain, Variable bias, float eps) {
  return apply("layer_norm", tape, x, {}, gain, bias, eps).normed;
}

NormedSum add_layer_norm(Tape& tape, Variable x, Variable z, Variable gain, Variable bias,
                         float eps) {
  return apply("add_layer_norm", tape, x, z, gain, bias, eps);
}

}  // namespace waiver
