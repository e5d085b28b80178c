#include <algorithm>
#include <cmath>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {
namespace {

float log_sum_exp(const float* x, int64_t V) {
  float top = x[0], sum = 0;
#pragma omp simd reduction(max : top)
  for (int64_t v = 1; v < V; ++v) top = x[v] > top ? x[v] : top;
#pragma omp simd reduction(+ : sum)
  for (int64_t v = 0; v < V; ++v) sum += fast_exp_to_88(x[v] - top);
  return top + std::log(sum);
}

}  // namespace

Variable cross_entropy(Tape& tape, Variable logits, std::span<const int32_t> targets,
                       ShareOfLoss* share) {
  const int64_t N = logits.shape()[0], V = logits.shape()[1];
  const Check check("cross_entropy");
  check.matrix("logits", logits.shape());
  check.require(N == std::ssize(targets), "the rows of logits {} must match the {} targets",
                logits.shape(), targets.size());
  const int64_t count = std::max<int64_t>(
      1, share ? share->targets : std::ranges::count_if(targets, [](int32_t y) { return y >= 0; }));
  Variable loss = tape.variable({1});
  Tensor lse = tape.arena().tensor({N});
  parallel_ranges(N, 64, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      if (targets[n] >= 0) lse.data[n] = log_sum_exp(logits.value.row(n), V);
  });
  const double sum = tape.parts(N).sum([&](int64_t n) {
    return targets[n] < 0 ? 0.0 : double{lse.data[n] - logits.value.row(n)[targets[n]]};
  });
  const auto divisor = static_cast<double>(count);
  loss.value.data[0] = static_cast<float>(sum / divisor);
  if (share) share->sum = sum, share->divisor = divisor;

  tape.record("cross_entropy", loss, [=] {
    const Gradient gradient(logits);
    const float scale = loss.grad.data[0] / static_cast<float>(count);
    parallel_ranges(N, 64, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const float* x = logits.value.row(n);
        const GradientRow dx = gradient.row(n);
        if (targets[n] < 0) {
          dx.skip(V);
          continue;
        }
        const float top = lse.data[n];
        for (int64_t v = 0; v < V; ++v) dx[v] += scale * fast_exp_to_88(x[v] - top);
        dx.written()[targets[n]] -= scale;
      }
    });
  });
  return loss;
}

}  // namespace waiver
