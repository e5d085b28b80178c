#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/weight_gradient.h"
#include "core/products/gemm.h"
#include "core/products/rounded.h"

namespace waiver {

Variable value_linear(Tape& tape, Variable qkv, Variable weight) {
  const int64_t N = qkv.shape()[0], C = qkv.shape()[1] / 3;
  const int64_t H = weight.shape()[0], D = weight.shape()[1];
  const Check check("value_linear");
  check.matrix("qkv", qkv.shape());
  check.contiguous("qkv", qkv.value);
  check.require(weight.shape().rank == 3 && weight.shape()[2] == D && 3 * H * D == qkv.shape()[1],
                "weight {} must have a square matrix for each head of the values in qkv {}",
                weight.shape(), qkv.shape());
  Variable y = tape.variable({N, C});
  Arena& arena = tape.arena();
  const Precision precision = tape.precision();
  const BatchParts parts = tape.parts(N);
  const Operand W = rounded(arena, {weight.value.data, {H * D, D}}, precision);
  const Rounded values(arena, {qkv.value.data + 2 * C, {N, C}, 3 * C}, precision);
  parts.for_tiles([&](int64_t, int64_t begin, int64_t end) {
    values.fill(begin, end);
    for (int64_t h = 0; h < H; ++h)
      gemm(Op::plain, Op::plain, end - begin, D, D, 1.0f, values.at(begin, h * D), W.at(h * D, 0),
           0.0f, y.value.row(begin) + h * D, C);
  });
  tape.record("value_linear", y, [=, &tape, &arena] {
    const Gradient dqkv(qkv);
    const Rounded dy(arena, y.grad, precision);
    parts.for_tiles([&](int64_t, int64_t begin, int64_t end) {
      dqkv.row(begin).skip((end - begin) * 3 * C);
      dy.fill(begin, end);
      for (int64_t h = 0; h < H; ++h)
        gemm(Op::plain, Op::transposed, end - begin, D, D, 1.0f, dy.at(begin, h * D),
             W.at(h * D, 0), 1.0f, qkv.grad.row(begin) + 2 * C + h * D, 3 * C);
    });
    if (!weight.wants_grad()) return;
    const Tensor dw = tape.gradient_of(weight);
    for (int64_t h = 0; h < H; ++h)
      add_weight_gradient(values.at(0, h * D), dy.at(0, h * D), parts,
                          {dw.data + h * D * D, {D, D}});
  });
  return y;
}

}  // namespace waiver
