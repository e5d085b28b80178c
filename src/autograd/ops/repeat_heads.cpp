#include <algorithm>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {

Variable repeat_heads(Tape& tape, Variable qkv, int64_t heads, int64_t kv_heads) {
  const Check check("repeat_heads");
  check.matrix("qkv", qkv.shape());
  check.require(kv_heads > 0 && heads % kv_heads == 0,
                "{} heads of queries cannot share {} heads of keys and values evenly", heads,
                kv_heads);
  check.require(qkv.shape()[1] % (heads + 2 * kv_heads) == 0,
                "the last axis of qkv {} must hold {} queries, and {} keys and as many values",
                qkv.shape(), heads, kv_heads);
  const int64_t N = qkv.shape()[0], D = qkv.shape()[1] / (heads + 2 * kv_heads);
  const int64_t C = heads * D, group = heads / kv_heads;
  Variable out = tape.variable({N, 3 * C});
  constexpr int64_t kRows = 64;
  parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* from = qkv.value.row(n);
      float* to = out.value.row(n);
      std::copy_n(from, C, to);
      for (int64_t h = 0; h < 2 * heads; ++h)  // keys, then values
        std::copy_n(from + C + h / group * D, D, to + C + h * D);
    }
  });
  tape.record("repeat_heads", out, [=] {
    const Gradient dqkv(qkv);
    parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        const float* from = out.grad.row(n);
        const GradientRow to = dqkv.row(n);
        for (int64_t c = 0; c < C; ++c) to[c] += from[c];
        for (int64_t h = 0; h < 2 * kv_heads; ++h)
          for (int64_t d = 0; d < D; ++d) {
            float sum = 0;
            for (int64_t g = 0; g < group; ++g) sum += from[C + (h * group + g) * D + d];
            to[C + h * D + d] += sum;
          }
      }
    });
  });
  return out;
}

}  // namespace waiver
