#include <cstring>

#include "autograd/ops/ops.h"
#include "core/gemm.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {
namespace {

constexpr int64_t kRows = 64;  // rows of a tile

// y = activation(z + b) on `rows` rows; z is kept for GELU, whose gradient needs it.
void finish_tile(float* y, float* z, const float* bias, int64_t rows, int64_t out, Activation act) {
  for (int64_t r = 0; r < rows; ++r) {
    float* row = y + r * out;
    if (bias)
      for (int64_t c = 0; c < out; ++c) row[c] += bias[c];
    if (act == Activation::relu)
      for (int64_t c = 0; c < out; ++c) row[c] = row[c] > 0 ? row[c] : (row[c] <= 0 ? 0 : row[c]);
    if (act != Activation::gelu) continue;
    if (z) std::memcpy(z + r * out, row, out * sizeof(float));
    for (int64_t c = 0; c < out; ++c) row[c] *= normal_cdf(row[c]).cdf;
  }
}

// dy becomes dz, on `count` numbers.
void activation_gradient(float* dy, const float* y, const float* z, int64_t count, Activation act) {
  if (act == Activation::relu)
    for (int64_t i = 0; i < count; ++i) dy[i] = y[i] > 0 ? dy[i] : 0;
  if (act == Activation::gelu)
    for (int64_t i = 0; i < count; ++i) {
      const NormalCdf phi = normal_cdf(z[i]);
      dy[i] *= phi.cdf + z[i] * phi.density;
    }
}

void add_column_sums(const Tensor& from, Tensor to) {
  const int64_t N = from.dim(0), out = from.dim(1);
  parallel_ranges(out, 64, [&](int64_t begin, int64_t end) {
    for (int64_t n = 0; n < N; ++n)
      for (int64_t c = begin; c < end; ++c) to.data[c] += from.data[n * out + c];
  });
}

Variable apply(Tape& tape, Variable x, Variable w, Variable b, Activation act, Op layout) {
  const int64_t N = x.shape()[0], in = x.shape()[1];
  const int64_t out = layout == Op::plain ? w.shape()[1] : w.shape()[0];
  const int64_t ldw = w.shape()[1];
  Variable y = tape.variable({N, out});
  Tensor z;
  if (act == Activation::gelu && tape.recording()) z = tape.arena().tensor({N, out});

  parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
    gemm(Op::plain, layout, end - begin, out, in, 1.0f, x.value.row(begin), in, w.value.data, ldw,
         0.0f, y.value.row(begin), out);
    finish_tile(y.value.row(begin), z ? z.row(begin) : nullptr, b.value.data, end - begin, out,
                act);
  });

  tape.record("linear", [=] {
    const Op back = layout == Op::plain ? Op::transposed : Op::plain;
    parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
      float* dz = y.grad.row(begin);
      activation_gradient(dz, y.value.row(begin), z ? z.row(begin) : nullptr, (end - begin) * out,
                          act);
      gemm(Op::plain, back, end - begin, in, out, 1.0f, dz, out, w.value.data, ldw, 1.0f,
           x.grad.row(begin), in);
    });
    // dW = xᵀ dz, or dzᵀ x; every tile sums over all rows itself.
    const int64_t rows = w.shape()[0];
    const Tensor left = layout == Op::plain ? x.value : y.grad;
    const Tensor right = layout == Op::plain ? y.grad : x.value;
    parallel_ranges(rows, kRows, [&](int64_t begin, int64_t end) {
      gemm(Op::transposed, Op::plain, end - begin, ldw, N, 1.0f, left.data + begin, rows,
           right.data, ldw, 1.0f, w.grad.row(begin), ldw);
    });
    if (b.wants_grad()) add_column_sums(y.grad, b.grad);
  });
  return y;
}

}  // namespace

Variable linear(Tape& tape, Variable x, Variable weight, Variable bias, Activation activation) {
  return apply(tape, x, weight, bias, activation, Op::plain);
}

Variable linear_transposed(Tape& tape, Variable x, Variable weight, Variable bias) {
  return apply(tape, x, weight, bias, Activation::none, Op::transposed);
}

}  // namespace waiver
