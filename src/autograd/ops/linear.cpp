#include <algorithm>
#include <cstring>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/gemm.h"
#include "core/math.h"
#include "core/rounded.h"
#include "core/threads.h"
#include "core/transpose.h"

namespace waiver {
namespace {

constexpr int64_t kRows = 64;  // rows of a tile

// y = activation(z + b) on rows [begin, end), where y holds z. GELU's slope is kept where it is
// needed: forward has all its terms at hand, and backward would take as long again to compute it.
void finish_rows(Tensor y, Tensor slope, const float* bias, int64_t begin, int64_t end,
                 Activation act) {
  const int64_t out = y.dim(1);
  for (int64_t n = begin; n < end; ++n) {
    float* row = y.row(n);
    if (bias)
      for (int64_t c = 0; c < out; ++c) row[c] += bias[c];
    if (act == Activation::relu)
      for (int64_t c = 0; c < out; ++c) row[c] = row[c] > 0 ? row[c] : (row[c] <= 0 ? 0 : row[c]);
    if (act != Activation::gelu) continue;
    float* kept = slope ? slope.row(n) : nullptr;
    for (int64_t c = 0; c < out; ++c) {
      const NormalCdf phi = normal_cdf(row[c]);
      if (kept) kept[c] = phi.cdf + row[c] * phi.density;
      row[c] *= phi.cdf;
    }
  }
}

// dy becomes dz on rows [begin, end).
void activation_gradient(Tensor dy, Tensor y, Tensor slope, int64_t begin, int64_t end,
                         Activation act) {
  const int64_t out = y.dim(1);
  for (int64_t n = begin; n < end; ++n) {
    float* d = dy.row(n);
    if (act == Activation::relu) {
      const float* row = y.row(n);
      for (int64_t c = 0; c < out; ++c) d[c] = row[c] > 0 ? d[c] : 0;
    }
    if (act == Activation::gelu) {
      const float* row = slope.row(n);
      for (int64_t c = 0; c < out; ++c) d[c] *= row[c];
    }
  }
}

// Σ over rows [begin, end) of `from`.
void sum_rows(const Tensor& from, int64_t begin, int64_t end, float* sums) {
  const int64_t columns = from.dim(1);
  std::fill_n(sums, columns, 0.0f);
  for (int64_t n = begin; n < end; ++n) {
    const float* row = from.row(n);
    for (int64_t c = 0; c < columns; ++c) sums[c] += row[c];
  }
}

void add_rows(const Tensor& from, Tensor to) {
  const int64_t columns = from.dim(1);
  for (int64_t n = 0; n < from.dim(0); ++n)
    for (int64_t c = 0; c < columns; ++c) to.data[c] += from.row(n)[c];
}

// Wᵀ. A product with a transposed right-hand side runs at about four fifths of the speed of a plain
// one, and transposing the weights once per step costs next to nothing.
Tensor transposed(Arena& arena, const Tensor& w) {
  const int64_t rows = w.dim(0), columns = w.dim(1);
  Tensor out = arena.matrix(columns, rows);
  parallel_ranges(columns, 32, [&](int64_t begin, int64_t end) {
    transpose(w.data + begin, w.stride(), rows, end - begin, out.row(begin), out.stride());
  });
  return out;
}

// W with rows spaced as suits products.
Tensor spread(Arena& arena, const Tensor& w) {
  if (fast_pitch(w.dim(1)) == w.dim(1)) return w;
  Tensor out = arena.matrix(w.dim(0), w.dim(1));
  parallel_ranges(w.dim(0), 32, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      std::memcpy(out.row(r), w.row(r), w.dim(1) * sizeof(float));
  });
  return out;
}

// The right-hand side of a product of rows, [inner, columns] where `op` is plain.
struct Right {
  Operand matrix;
  Op op;
};

// W or Wᵀ, laid out as suits products of either precision: those of bfloat16 reorder it anyway.
Right right_side(Arena& arena, const Tensor& w, bool as_is, Precision precision) {
  if (precision == Precision::bfloat16)
    return {rounded(arena, w, precision), as_is ? Op::plain : Op::transposed};
  const Tensor laid = as_is ? spread(arena, w) : transposed(arena, w);
  return {operand(laid.data, laid.stride()), Op::plain};
}
// The other of the two, for backward.
Right other_side(Arena& arena, const Tensor& w, const Right& forward, bool as_is,
                 Precision precision) {
  if (precision == Precision::bfloat16) return {forward.matrix, as_is ? Op::transposed : Op::plain};
  return right_side(arena, w, !as_is, precision);
}

// C = A B + beta · C on rows [begin, end) of A, which are rounded first, and C.
void multiply_rows(const Rounded& a, int64_t inner, const Right& b, float beta, const Tensor& c,
                   int64_t begin, int64_t end) {
  a.fill(begin, end);
  gemm(Op::plain, b.op, end - begin, c.dim(1), inner, 1.0f, a.at(begin, 0), b.matrix, beta,
       c.row(begin), c.stride());
}

// The number of parts into which a weight gradient splits its sum over N. One part costs nothing
// extra but occupies few threads; a batch large enough for many threads gets 64 tiles, at the price
// of a sum over the parts.
int64_t parts_of_sum(int64_t N, int64_t row_tiles) {
  constexpr int64_t whole = 8192, least = 512, tiles = 64;
  if (N <= whole) return 1;
  return std::min((tiles + row_tiles - 1) / row_tiles, N / least);
}

// dW += leftᵀ right, left [N, rows], right [N, columns].
void add_weight_gradient(Arena& arena, const Rounded& left, const Rounded& right, int64_t N,
                         Tensor dw) {
  const int64_t rows = dw.dim(0), columns = dw.dim(1);
  const int64_t row_tiles = (rows + kRows - 1) / kRows, parts = parts_of_sum(N, row_tiles);
  const int64_t length = (N + parts - 1) / parts;
  const Tensor sums = parts > 1 ? arena.tensor({parts, rows * columns}) : dw;
  parallel_tiles(parts * row_tiles, [&](int64_t tile) {
    const int64_t part = tile / row_tiles, n = part * length, begin = tile % row_tiles * kRows;
    gemm(Op::transposed, Op::plain, std::min(kRows, rows - begin), columns, std::min(length, N - n),
         1.0f, left.at(n, begin), right.at(n, 0), parts > 1 ? 0.0f : 1.0f,
         sums.data + (part * rows + begin) * columns, columns);
  });
  if (parts == 1) return;
  parallel_ranges(rows * columns, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t part = 0; part < parts; ++part)
      for (int64_t i = begin; i < end; ++i) dw.data[i] += sums.row(part)[i];
  });
}

void check_shapes(const Variable& x, const Variable& w, const Variable& b, bool as_is) {
  const Check check(as_is ? "linear" : "linear_transposed");
  check.matrix("x", x.shape());
  check.matrix("weight", w.shape());
  check.contiguous("weight", w.value);
  check.require(x.shape()[1] == w.shape()[as_is ? 0 : 1],
                "the last axis of x {} must match the {} of weight {}", x.shape(),
                as_is ? "rows" : "last axis", w.shape());
  if (b.value) check.vector("bias", b.shape(), w.shape()[as_is ? 1 : 0], "outputs");
}

// `as_is`: W is [in, out]; otherwise it is [out, in].
Variable apply(Tape& tape, Variable x, Variable w, Variable b, Activation act, bool as_is) {
  check_shapes(x, w, b, as_is);
  const int64_t N = x.shape()[0], out = w.shape()[as_is ? 1 : 0];
  Arena& arena = tape.arena();
  // The output of an activation is read by the next product only, so its rows may be padded.
  Variable y = act == Activation::none ? tape.variable({N, out}) : tape.matrix(N, out);
  Tensor slope;
  if (act == Activation::gelu && tape.recording()) slope = arena.matrix(N, out);

  const int64_t in = x.shape()[1];
  const Precision precision = tape.precision();
  const Right right = right_side(arena, w.value, as_is, precision);
  const Rounded inputs(arena, x.value, precision);
  parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
    multiply_rows(inputs, in, right, 0.0f, y.value, begin, end);
    finish_rows(y.value, slope, b.value.data, begin, end, act);
  });

  tape.record("linear", y, [=, &arena] {
    const Gradient dx(x);
    const Right back = other_side(arena, w.value, right, as_is, precision);
    const Rounded dz(arena, y.grad, precision);
    Tensor sums;  // of a tile's rows of dz
    if (b.wants_grad()) sums = arena.tensor({(N + kRows - 1) / kRows, out});
    parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
      activation_gradient(y.grad, y.value, slope, begin, end, act);
      if (sums) sum_rows(y.grad, begin, end, sums.row(begin / kRows));
      multiply_rows(dz, out, back, dx.beta(), dx.tensor(), begin, end);
    });
    if (w.wants_grad())
      add_weight_gradient(arena, as_is ? inputs : dz, as_is ? dz : inputs, N, w.grad);
    if (sums) add_rows(sums, b.grad);
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
