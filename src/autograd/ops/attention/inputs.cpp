#include "autograd/ops/attention/inputs.h"

#include "core/products/gemm.h"
#include "core/products/rounded.h"

namespace waiver::attention_tile {
namespace {

enum { queries, keys, values };

Tensor part(const Tensor& qkv, int which) {
  const int64_t C = qkv.dim(1) / 3;
  return {qkv.data + which * C, {qkv.dim(0), C}, qkv.stride()};
}

bool lie_in_panels(const Tensor& qkv, const AttentionSpec& spec) {
  return spec.precision == Precision::bfloat16 && bfloat16_unit() == Bfloat16Unit::amx &&
         spec.tokens % kPanel == 0 && qkv.dim(1) / 3 / spec.heads % kPanel == 0;
}

}  // namespace

Inputs::Inputs(Arena& arena, const Tensor& qkv, const AttentionSpec& spec) {
  if (lie_in_panels(qkv, spec)) {
    q = rounded(arena, part(qkv, queries), spec.precision);
    k = in_panels(arena, part(qkv, keys), false);
    v = in_panels(arena, part(qkv, values), true);
  } else {
    q = rounded(arena, qkv, spec.precision);
    k = q.at(0, qkv.dim(1) / 3);
    v = k.at(0, qkv.dim(1) / 3);
  }
}

OtherInputs::OtherInputs(Arena& arena, const Tensor& qkv, const Inputs& inputs)
    : k(inputs.k), v(inputs.v) {
  if (!inputs.k.panels) return;
  k = in_panels(arena, part(qkv, keys), true);
  v = in_panels(arena, part(qkv, values), false);
}

}  // namespace waiver::attention_tile
