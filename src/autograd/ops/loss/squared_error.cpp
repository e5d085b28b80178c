#include <algorithm>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable squared_error(Tape& tape, Variable x, std::span<const float> answers,
                       std::span<const int32_t> targets, ShareOfLoss* share) {
  const int64_t N = x.shape()[0], C = x.shape()[1];
  const Check check("squared_error");
  check.matrix("x", x.shape());
  check.require(N * C == std::ssize(answers), "x {} must have as many numbers as the {} answers",
                x.shape(), answers.size());
  check.require(N == std::ssize(targets), "x {} must have as many rows as the {} targets",
                x.shape(), targets.size());
  const int64_t count =
      share ? share->targets : std::ranges::count_if(targets, [](int32_t y) { return y >= 0; });
  const auto counted = static_cast<double>(C * std::max<int64_t>(1, count));
  Variable loss = tape.variable({1});
  Tensor sums = tape.arena().tensor({N});
  parallel_ranges(N, 64, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float *found = x.value.row(n), *wanted = answers.data() + n * C;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t c = 0; c < C; ++c) sum += (found[c] - wanted[c]) * (found[c] - wanted[c]);
      sums.data[n] = targets[n] >= 0 ? sum : 0.0f;
    }
  });
  const double sum = tape.parts(N).sum([&](int64_t n) { return sums.data[n]; });
  loss.value.data[0] = static_cast<float>(sum / counted);
  if (share) share->sum = sum, share->divisor = counted;

  tape.record("squared_error", loss, [=] {
    const Gradient gradient(x);
    const float scale = 2.0f * loss.grad.data[0] / static_cast<float>(counted);
    parallel_ranges(N, 64, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const float *found = x.value.row(n), *wanted = answers.data() + n * C;
        const GradientRow dx = gradient.row(n);
        if (targets[n] < 0) dx.skip(C);
        for (int64_t c = 0; c < C && targets[n] >= 0; ++c) dx[c] += scale * (found[c] - wanted[c]);
      }
    });
  });
  return loss;
}

}  // namespace waiver
