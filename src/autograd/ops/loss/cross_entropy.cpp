#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/loss/loss_rows.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {
Variable cross_entropy(Tape& tape, Variable logits, std::span<const int32_t> targets,
                       ShareOfLoss* share) {
  const int64_t N = logits.shape()[0], V = logits.shape()[1];
  const Check check("cross_entropy");
  check.matrix("logits", logits.shape());
  check.require(N == std::ssize(targets), "the rows of logits {} must match the {} targets",
                logits.shape(), targets.size());
  Variable loss = tape.variable({1});
  Tensor lse = tape.arena().tensor({N});
  parallel_ranges(N, 64, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      if (targets[n] >= 0) lse.data[n] = log_sum_exp(logits.value.row(n), V);
  });
  const LossMean mean(tape.parts(N), targets, share,
                      [&](int64_t n) { return lse.data[n] - logits.value.row(n)[targets[n]]; });
  loss.value.data[0] = mean.value;

  tape.record("cross_entropy", loss, [=] {
    const Gradient gradient(logits);
    const float scale = loss.grad.data[0] / static_cast<float>(mean.count);
    parallel_ranges(N, 64, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const GradientRow dx = gradient.row(n);
        if (targets[n] < 0) {
          dx.skip(V);
          continue;
        }
        const float *x = logits.value.row(n), top = lse.data[n];
        for (int64_t v = 0; v < V; ++v) dx[v] += scale * fast_exp_to_88(x[v] - top);
        dx.written()[targets[n]] -= scale;
      }
    });
  });
  return loss;
}

}  // namespace waiver
