#include <algorithm>
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

// Wᵀ. A product with a transposed right-hand side runs at about four fifths of a plain one, and
// turning the weights once per step costs next to nothing.
Tensor turned(Arena& arena, const Tensor& w) {
  const int64_t rows = w.dim(0), columns = w.dim(1);
  Tensor out = arena.tensor({columns, rows});
  parallel_ranges(columns, 32, [&](int64_t begin, int64_t end) {
    for (int64_t r0 = 0; r0 < rows; r0 += 32)
      for (int64_t c = begin; c < end; ++c)
        for (int64_t r = r0; r < std::min(rows, r0 + 32); ++r) out.row(c)[r] = w.row(r)[c];
  });
  return out;
}

// dW += leftᵀ right, left [N, rows], right [N, columns]; every tile sums over all N itself.
void add_weight_gradient(const Tensor& left, const Tensor& right, Tensor dw) {
  const int64_t N = left.dim(0), rows = left.dim(1), columns = right.dim(1);
  parallel_ranges(rows, kRows, [&](int64_t begin, int64_t end) {
    gemm(Op::transposed, Op::plain, end - begin, columns, N, 1.0f, left.data + begin, rows,
         right.data, columns, 1.0f, dw.row(begin), columns);
  });
}

// `as_is`: W is [in, out]; otherwise it is [out, in].
Variable apply(Tape& tape, Variable x, Variable w, Variable b, Activation act, bool as_is) {
  const int64_t N = x.shape()[0], in = x.shape()[1], out = w.shape()[as_is ? 1 : 0];
  Arena& arena = tape.arena();
  Variable y = tape.variable({N, out});
  Tensor z;
  if (act == Activation::gelu && tape.recording()) z = arena.tensor({N, out});

  const Tensor right = as_is ? w.value : turned(arena, w.value);  // [in, out]
  parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
    gemm(Op::plain, Op::plain, end - begin, out, in, 1.0f, x.value.row(begin), in, right.data, out,
         0.0f, y.value.row(begin), out);
    finish_tile(y.value.row(begin), z ? z.row(begin) : nullptr, b.value.data, end - begin, out,
                act);
  });

  tape.record("linear", y, [=, &arena] {
    const float keep = x.first_gradient() ? 0.0f : 1.0f;
    const Tensor back = as_is ? turned(arena, w.value) : w.value;  // [out, in]
    parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
      float* dz = y.grad.row(begin);
      activation_gradient(dz, y.value.row(begin), z ? z.row(begin) : nullptr, (end - begin) * out,
                          act);
      gemm(Op::plain, Op::plain, end - begin, in, out, 1.0f, dz, out, back.data, in, keep,
           x.grad.row(begin), in);
    });
    if (as_is && w.wants_grad())
      add_weight_gradient(x.value, y.grad, w.grad);
    else if (w.wants_grad())
      add_weight_gradient(y.grad, x.value, w.grad);
    if (b.wants_grad()) add_column_sums(y.grad, b.grad);
  });
  return y;
}

}  // namespace

Variable linear(Tape& tape, Variable x, Variable weight, Variable bias, Activation activation) {
  return apply(tape, x, weight, bias, activation, true);
}

Variable linear_transposed(Tape& tape, Variable x, Variable weight, Variable bias) {
  return apply(tape, x, weight, bias, Activation::none, false);
}

}  // namespace waiver
