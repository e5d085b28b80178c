#include "autograd/ops/loss/loss_rows.h"

#include <cmath>

#include "core/math.h"

namespace waiver {

float log_sum_exp(const float* x, int64_t V) {
  float top = x[0], sum = 0;
#pragma omp simd reduction(max : top)
  for (int64_t v = 1; v < V; ++v) top = x[v] > top ? x[v] : top;
#pragma omp simd reduction(+ : sum)
  for (int64_t v = 0; v < V; ++v) sum += fast_exp_to_88(x[v] - top);
  return top + std::log(sum);
}

void logits_gradient(float* x, int64_t first, int64_t last, int32_t target, float lse,
                     float scale) {
  if (target < 0) {
    std::fill_n(x, last - first, 0.0f);
    return;
  }
  for (int64_t v = 0; v < last - first; ++v) x[v] = scale * fast_exp_to_88(x[v] - lse);
  if (target >= first && target < last) x[target - first] -= scale;
}

}  // namespace waiver
