#include <algorithm>
#include <cmath>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {
namespace {

// x becomes h = (x − mean)·r, or x·r where not centred; returns r.
float normalise(const float* x, float* h, int64_t D, bool centred, float eps) {
  float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t d = 0; d < D; ++d) sum += x[d];
  const float mean = centred ? sum / static_cast<float>(D) : 0.0f;
#pragma omp simd reduction(+ : squares)
  for (int64_t d = 0; d < D; ++d) squares += (x[d] - mean) * (x[d] - mean);
  const float r = 1.0f / std::sqrt(squares / static_cast<float>(D) + eps);
  for (int64_t d = 0; d < D; ++d) h[d] = (x[d] - mean) * r;
  return r;
}

// dy becomes dx: with g = dy·gain, dx = r·(g − mean(g) − h·mean(g·h)), mean(g) where centred.
void head_gradient(const float* h, float* dy, const float* gain, float r, int64_t D, bool centred,
                   float* dgain) {
  float sum_g = 0, sum_gh = 0;
#pragma omp simd reduction(+ : sum_g, sum_gh)
  for (int64_t d = 0; d < D; ++d) {
    const float g = dy[d] * gain[d];
    sum_g += g;
    sum_gh += g * h[d];
  }
  const float mean_g = centred ? sum_g / static_cast<float>(D) : 0.0f;
  const float mean_gh = sum_gh / static_cast<float>(D);
  for (int64_t d = 0; d < D; ++d) {
    const float g = dy[d] * gain[d];
    dgain[d] += dy[d] * h[d];
    dy[d] = r * (g - mean_g - h[d] * mean_gh);
  }
}

}  // namespace

void head_norm(Tape& tape, Variable qkv, int64_t heads, Variable query_gain, Variable key_gain,
               bool centred, float eps) {
  const Check check("head_norm");
  check.queries_keys_values(qkv.shape(), heads);
  const int64_t N = qkv.shape()[0], C = qkv.shape()[1] / 3, D = C / heads;
  check.vector("query_gain", query_gain.shape(), D, "channels of a head");
  check.vector("key_gain", key_gain.shape(), D, "channels of a head");
  const BatchParts parts = tape.parts(N);
  const Variable gains[] = {query_gain, key_gain};
  const bool keep = tape.recording();
  Tensor h, r, partial;  // normalised, before the gain; 1 / deviation; a tile's gradients of gains
  if (keep) {
    h = tape.arena().tensor({N, 2 * C});
    r = tape.arena().tensor({N, 2 * heads});
    partial = tape.arena().tensor({parts.tiles(), 2 * D});
  }
  parts.for_tiles([&](int64_t, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      for (int64_t head = 0; head < 2 * heads; ++head) {  // queries, then keys
        float* x = qkv.value.row(n) + head * D;
        float* normal = keep ? h.row(n) + head * D : x;
        const float inverse = normalise(x, normal, D, centred, eps);
        if (keep) r.row(n)[head] = inverse;
        const float* gain = gains[head / heads].value.data;
        for (int64_t d = 0; d < D; ++d) x[d] = normal[d] * gain[d];
      }
  });
  tape.record("head_norm", qkv, [=, &tape] {
    parts.for_tiles([&](int64_t tile, int64_t begin, int64_t end) {
      float* sums = partial.row(tile);
      std::fill_n(sums, 2 * D, 0.0f);
      for (int64_t n = begin; n < end; ++n)
        for (int64_t head = 0; head < 2 * heads; ++head) {
          const int64_t part = head / heads;
          head_gradient(h.row(n) + head * D, qkv.grad.row(n) + head * D,
                        (part ? key_gain : query_gain).value.data, r.row(n)[head], D, centred,
                        sums + part * D);
        }
    });
    if (query_gain.wants_grad()) parts.add_tiles(partial, 0, D, tape.gradient_of(query_gain).data);
    if (key_gain.wants_grad()) parts.add_tiles(partial, D, D, tape.gradient_of(key_gain).data);
  });
}

}  // namespace waiver
