#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/row_products.h"
#include "autograd/ops/weight_gradient.h"
#include "core/products/rounded.h"

namespace waiver {
namespace {

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
Variable apply(Tape& tape, Variable x, Variable w, Variable b, bool as_is) {
  check_shapes(x, w, b, as_is);
  const int64_t N = x.shape()[0], out = w.shape()[as_is ? 1 : 0];
  Arena& arena = tape.arena();
  const Variable y = tape.variable({N, out});

  const Precision precision = tape.precision();
  const BatchParts parts = tape.parts(N);
  const Right right = right_side(arena, w.value, as_is, precision);
  const Rounded inputs = x.rounded ? x.rounded : Rounded(arena, x.value, precision);
  multiply(
      parts, inputs.all(), right, 0.0f, y.value,
      [&](int64_t, int64_t begin, int64_t end) {
        if (!x.rounded) inputs.fill(begin, end);
      },
      [&](int64_t, const Part& part) { add_bias(part, b.value.data); });

  tape.record("linear", y, [=, &tape, &arena] {
    const Gradient dx(x);
    const Right back = other_side(arena, w.value, right, as_is, precision);
    const Rounded dy(arena, y.grad, precision);
    const Tensor sums = tile_sums(arena, parts, b);
    multiply(
        parts, dy.all(), back, dx.beta(), dx.tensor(),
        [&](int64_t tile, int64_t begin, int64_t end) {
          if (sums) sum_rows(y.grad, begin, end, sums.row(tile));
          dy.fill(begin, end);
        },
        Nothing());
    if (w.wants_grad())
      add_weight_gradient((as_is ? inputs : dy).all(), (as_is ? dy : inputs).all(), parts,
                          tape.gradient_of(w));
    if (sums) parts.add_tiles(sums, 0, out, tape.gradient_of(b).data);
  });
  return y;
}

}  // namespace

Variable linear(Tape& tape, Variable x, Variable weight, Variable bias) {
  return apply(tape, x, weight, bias, true);
}

Variable linear_transposed(Tape& tape, Variable x, Variable weight, Variable bias) {
  return apply(tape, x, weight, bias, false);
}

}  // namespace waiver
