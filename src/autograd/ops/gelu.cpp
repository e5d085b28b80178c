#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {

Variable gelu(Tape& tape, Variable x) {
  Check("gelu").matrix("x", x.shape());
  const int64_t N = x.shape()[0], C = x.shape()[1];
  Variable y = tape.variable({N, C});
  constexpr int64_t kRows = 16;
  parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* in = x.value.row(n);
      float* out = y.value.row(n);
      for (int64_t c = 0; c < C; ++c) out[c] = in[c] * normal_cdf(in[c]).cdf;
    }
  });
  tape.record("gelu", y, [=] {
    const Gradient gradient(x);
    parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const float *in = x.value.row(n), *dy = y.grad.row(n);
        const GradientRow dx = gradient.row(n);
        for (int64_t c = 0; c < C; ++c) {
          const NormalCdf phi = normal_cdf(in[c]);
          dx[c] += dy[c] * (phi.cdf + in[c] * phi.density);
        }
      }
    });
  });
  return y;
}

}  // namespace waiver
