#include <cstring>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/scratch.h"
#include "core/threads.h"

namespace waiver {

namespace {

// Columns [begin, end) of the first rows of all sequences, added as BatchParts has it.
void add_first_rows(const Tensor& from, const BatchParts& parts, int64_t begin, int64_t end,
                    const Tensor& to) {
  const int64_t S = from.dim(0) / parts.sequence(parts.count());
  Scratch memory;
  float* sums = memory.floats(parts.count());
  for (int64_t r = 0; r < to.dim(0); ++r)
    for (int64_t c = begin; c < end; ++c) {
      for (int64_t p = 0; p < parts.count(); ++p) {
        sums[p] = 0;
        for (int64_t b = parts.sequence(p); b < parts.sequence(p + 1); ++b)
          sums[p] += from.row(b * S + r)[c];
      }
      parts.tree([&](int64_t p, int64_t q) { sums[p] += sums[q]; });
      to.row(r)[c] += sums[0];
    }
}

}  // namespace

Variable prepend(Tape& tape, Variable x, Variable rows, int64_t batch) {
  const Check check("prepend");
  check.matrix("x", x.shape());
  check.matrix("rows", rows.shape());
  check.require(x.shape()[1] == rows.shape()[1],
                "the last axis of x {} must match the last axis of rows {}", x.shape(),
                rows.shape());
  check.sequences("x", x.shape(), batch);
  check.contiguous("x", x.value);
  check.contiguous("rows", rows.value);
  const int64_t C = x.shape()[1], T = x.shape()[0] / batch, R = rows.shape()[0], S = R + T;
  Variable y = tape.variable({batch * S, C});
  parallel_tiles(batch, [&](int64_t b) {
    std::memcpy(y.value.row(b * S), rows.value.data, R * C * sizeof(float));
    std::memcpy(y.value.row(b * S + R), x.value.row(b * T), T * C * sizeof(float));
  });
  const BatchParts parts = tape.parts(batch, batch);
  tape.record("prepend", y, [=, &tape] {
    const Tensor drows = rows.wants_grad() ? tape.gradient_of(rows) : Tensor{};
    const Gradient gradient(x);
    // Every sequence adds to the same rows, so tiles divide the channels instead.
    parallel_ranges(C, 32, [&](int64_t begin, int64_t end) {
      for (int64_t b = 0; b < batch; ++b)
        for (int64_t t = 0; t < T; ++t) {
          const float* dy = y.grad.row(b * S + R + t);
          const GradientRow dx = gradient.row(b * T + t);
          for (int64_t c = begin; c < end; ++c) dx[c] += dy[c];
        }
      if (drows) add_first_rows(y.grad, parts, begin, end, drows);
    });
  });
  return y;
}

}  // namespace waiver
