#include <algorithm>
#include <cstring>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/weight_gradient.h"
#include "core/gemm.h"
#include "core/math.h"
#include "core/rounded.h"
#include "core/threads.h"
#include "core/transpose.h"

namespace waiver {
namespace {

// y = activation(z + b) in channels [first, last) of a row that holds z. GELU's slope is kept where
// it is needed: forward has all its terms at hand, and backward would take as long again to compute
// it.
void finish_row(float* y, float* slope, const float* bias, int64_t first, int64_t last,
                Activation act) {
  if (bias)
    for (int64_t c = first; c < last; ++c) y[c] += bias[c];
  if (act == Activation::relu)
    for (int64_t c = first; c < last; ++c) y[c] = y[c] > 0 ? y[c] : (y[c] <= 0 ? 0 : y[c]);
  if (act != Activation::gelu) return;
  for (int64_t c = first; c < last; ++c) {
    const NormalCdf phi = normal_cdf(y[c]);
    if (slope) slope[c] = phi.cdf + y[c] * phi.density;
    y[c] *= phi.cdf;
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

  Operand at(int64_t row, int64_t column) const {
    return op == Op::plain ? matrix.at(row, column) : matrix.at(column, row);
  }
};

// W or Wᵀ as an input of products; float32 numbers are laid out as suits those, for bfloat16
// numbers it makes no difference.
Right right_side(Arena& arena, const Tensor& w, bool as_is, Precision precision) {
  const Operand all = rounded(arena, w, precision);
  if (all.halves) return {all, as_is ? Op::plain : Op::transposed};
  const Tensor numbers{const_cast<float*>(all.floats), w.shape, all.stride};
  const Tensor laid = as_is ? spread(arena, numbers) : transposed(arena, numbers);
  return {operand(laid.data, laid.stride()), Op::plain};
}
// The other of the two, for backward.
Right other_side(Arena& arena, const Tensor& w, const Right& forward, bool as_is,
                 Precision precision) {
  if (forward.matrix.halves) return {forward.matrix, as_is ? Op::transposed : Op::plain};
  return right_side(arena, w, !as_is, precision);
}

// How C = A B, A [N, inner], is cut into tasks: some tiles of rows, and all columns or, for few
// rows or a large B, some; a long sum into pieces. The units of bfloat16 want more rows at a time:
// found on AMX, products of 128 rows run at 1.2 times the rate of those of 64, and twice that of
// products whose B was laid out for the unit beforehand.
struct Cut {
  int64_t groups, depth, width, of_group, across, down;

  Cut(int64_t tiles, int64_t inner, int64_t columns, bool halves) : of_group(halves ? 2 : 1) {
    constexpr int64_t most = 1 << 20, deepest = 4096;  // numbers of B that a task reads; its rows
    groups = (tiles + of_group - 1) / of_group;
    depth = std::min(inner, deepest);
    const int64_t pieces = std::max((TileLoops::kMany + groups - 1) / std::max<int64_t>(1, groups),
                                    (depth * columns + most - 1) / most);
    width = std::max<int64_t>(64, ((columns + pieces - 1) / pieces + 63) / 64 * 64);
    across = (columns + width - 1) / width;
    down = (inner + depth - 1) / depth;
  }
  // Whether one task has all columns of its rows.
  bool whole() const { return across == 1 && down == 1; }
};

// C = A B + beta · C. Where one task has all the columns of its rows, it calls `before` for their
// tiles first; otherwise that is done before everything. `after` is called for what is finished.
template <class F, class G>
void multiply(const BatchParts& parts, const Operand& a, int64_t inner, const Right& b, float beta,
              const Tensor& c, const F& before, const G& after) {
  const int64_t tiles = parts.tiles(), columns = c.dim(1);
  const Cut cut(tiles, inner, columns, a.halves != nullptr);
  if (!cut.whole()) parts.for_tiles(before);
  for (int64_t k = 0; k < inner; k += cut.depth)
    parallel_tiles(cut.across * cut.groups, [&](int64_t task) {
      const int64_t column = task / cut.groups * cut.width,
                    first = task % cut.groups * cut.of_group,
                    last = std::min(tiles, first + cut.of_group) - 1;
      for (int64_t tile = first; cut.whole() && tile <= last; ++tile)
        before(tile, parts.tile(tile).begin, parts.tile(tile).end);
      const int64_t begin = parts.tile(first).begin, end = parts.tile(last).end;
      const int64_t n = std::min(cut.width, columns - column),
                    length = std::min(cut.depth, inner - k);
      gemm(Op::plain, b.op, end - begin, n, length, 1.0f, a.at(begin, k), b.at(k, column),
           k == 0 ? beta : 1.0f, c.row(begin) + column, c.stride());
      if (k + length == inner) after(begin, end, column, column + n);
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
  const Variable y = act == Activation::none ? tape.variable({N, out}) : tape.input(N, out, true);
  Tensor slope;
  if (act == Activation::gelu && tape.recording()) slope = arena.matrix(N, out);

  const int64_t in = x.shape()[1];
  const Precision precision = tape.precision();
  const BatchParts parts = tape.parts(N);
  const Right right = right_side(arena, w.value, as_is, precision);
  const Rounded inputs = x.rounded ? x.rounded : Rounded(arena, x.value, precision);
  multiply(
      parts, inputs.all(), in, right, 0.0f, y.value,
      [&](int64_t, int64_t begin, int64_t end) {
        if (!x.rounded) inputs.fill(begin, end);
      },
      [&](int64_t begin, int64_t end, int64_t first, int64_t last) {
        for (int64_t n = begin; n < end; ++n)
          finish_row(y.value.row(n), slope ? slope.row(n) : nullptr, b.value.data, first, last,
                     act);
        y.rounded.fill(begin, end, first, last);
      });

  tape.record("linear", y, [=, &arena] {
    const Gradient dx(x);
    const Right back = other_side(arena, w.value, right, as_is, precision);
    const Rounded dz(arena, y.grad, precision);
    Tensor sums;  // of a tile's rows of dz
    if (b.wants_grad()) sums = arena.tensor({parts.tiles(), out});
    multiply(
        parts, dz.all(), out, back, dx.beta(), dx.tensor(),
        [&](int64_t tile, int64_t begin, int64_t end) {
          activation_gradient(y.grad, y.value, slope, begin, end, act);
          if (sums) sum_rows(y.grad, begin, end, sums.row(tile));
          dz.fill(begin, end);
        },
        [](auto...) {});
    if (w.wants_grad())
      add_weight_gradient((as_is ? inputs : dz).all(), (as_is ? dz : inputs).all(), parts, w.grad);
    if (sums) parts.add_tiles(sums, 0, out, b.grad.data);
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
