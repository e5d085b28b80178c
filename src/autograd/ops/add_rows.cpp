#include <algorithm>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/scatter.h"
#include "core/threads.h"

namespace waiver {

Variable add_rows(Tape& tape, Variable x, Variable table, std::span<const int32_t> rows,
                  Later x_is) {
  const int64_t N = x.shape()[0], C = x.shape()[1], T = static_cast<int64_t>(rows.size());
  const Check check("add_rows");
  check.matrix("x", x.shape());
  check.matrix("table", table.shape());
  check.require(table.shape()[1] == C, "the last axis of x {} must match the last axis of table {}",
                x.shape(), table.shape());
  check.require(T > 0 && N % T == 0, "the rows of x {} must be a multiple of the {} rows to add",
                x.shape(), T);
  Variable y = x_is == Later::used ? tape.variable(x.shape()) : tape.continuing(x);
  parallel_ranges(N, 256, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int32_t row = rows[n % T];
      const float* in = x.value.row(n);
      float* out = y.value.row(n);
      if (row < 0) {
        std::copy_n(in, C, out);
        continue;
      }
      const float* add = table.value.row(row);
      for (int64_t c = 0; c < C; ++c) out[c] = in[c] + add[c];
    }
  });
  const BatchParts parts = tape.parts(N);
  tape.record("add_rows", y, [=, &tape] {
    if (!y.shares_gradient(x)) {
      const Gradient dx(x);
      parallel_ranges(N, 256, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n)
          for (int64_t c = 0; c < C; ++c) dx.row(n)[c] += y.grad.row(n)[c];
      });
    }
    if (table.wants_grad()) scatter_add(y.grad, rows, parts, tape.gradient_of(table));
  });
  return y;
}

}  // namespace waiver
