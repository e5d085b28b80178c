#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable squared_error(Tape& tape, Variable x, std::span<const float> answers) {
  const int64_t N = x.shape()[0], C = x.shape()[1];
  const Check check("squared_error");
  check.matrix("x", x.shape());
  check.require(N * C == std::ssize(answers), "x {} must have as many numbers as the {} answers",
                x.shape(), answers.size());
  Variable loss = tape.variable({1});
  Tensor sums = tape.arena().tensor({N});
  parallel_ranges(N, 64, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float *found = x.value.row(n), *wanted = answers.data() + n * C;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t c = 0; c < C; ++c) sum += (found[c] - wanted[c]) * (found[c] - wanted[c]);
      sums.data[n] = sum;
    }
  });
  const double sum = tape.parts(N).sum([&](int64_t n) { return sums.data[n]; });
  loss.value.data[0] = static_cast<float>(sum / static_cast<double>(N * C));

  tape.record("squared_error", loss, [=] {
    const Gradient gradient(x);
    const float scale = 2.0f * loss.grad.data[0] / static_cast<float>(N * C);
    parallel_ranges(N, 64, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const float *found = x.value.row(n), *wanted = answers.data() + n * C;
        const GradientRow dx = gradient.row(n);
        for (int64_t c = 0; c < C; ++c) dx[c] += scale * (found[c] - wanted[c]);
      }
    });
  });
  return loss;
}

}  // namespace waiver
