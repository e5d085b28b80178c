#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/threads.h"

namespace waiver {
namespace {

// Rotates the queries and keys of qkv by the angles times `direction`.
void turn(Tensor qkv, int64_t heads, Tensor cos, Tensor sin, float direction) {
  const int64_t N = qkv.dim(0), C = qkv.dim(1) / 3, D = C / heads;
  const int64_t T = cos.dim(0), half = cos.dim(1);
  parallel_ranges(N, 64, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float *c = cos.row(n % T), *s = sin.row(n % T);
      for (int64_t head = 0; head < 2 * heads; ++head) {  // queries, then keys
        float *a = qkv.row(n) + head * D, *b = a + half;
        for (int64_t d = 0; d < half; ++d) {
          const float x = a[d], y = b[d], sine = direction * s[d];
          a[d] = x * c[d] - y * sine;
          b[d] = x * sine + y * c[d];
        }
      }
    }
  });
}

}  // namespace

void rotate(Tape& tape, Variable qkv, int64_t heads, Tensor cos, Tensor sin) {
  const Check check("rotate");
  check.queries_keys_values(qkv.shape(), heads);
  check.matrix("cos", cos.shape);
  check.equal("sin", sin.shape, "cos", cos.shape);
  check.require(cos.dim(0) > 0 && qkv.shape()[0] % cos.dim(0) == 0,
                "the rows of qkv {} must be a multiple of those of cos {}", qkv.shape(), cos.shape);
  check.require(
      2 * cos.dim(1) <= qkv.shape()[1] / (3 * heads),
      "cos {} must not rotate more pairs of channels than each of the {} heads of qkv {} has",
      cos.shape, heads, qkv.shape());
  turn(qkv.value, heads, cos, sin, 1.0f);
  tape.record("rotate", qkv, [=] { turn(qkv.grad, heads, cos, sin, -1.0f); });
}

}  // namespace waiver
