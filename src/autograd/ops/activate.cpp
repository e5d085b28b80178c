#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "core/math.h"
#include "core/threads.h"

namespace waiver {
namespace {

struct ValueAndSlope {
  float value, slope;
};

ValueAndSlope relu(float x) {
  return {x > 0 ? x : (x <= 0 ? 0.0f : x), x > 0 ? 1.0f : 0.0f};  // NaN stays NaN
}
ValueAndSlope exact_gelu(float x) {
  const NormalCdf phi = normal_cdf(x);
  return {x * phi.cdf, phi.cdf + x * phi.density};
}
ValueAndSlope gelu_by_tanh(float x) {
  const TanhGelu gelu = tanh_gelu(x);
  return {x * gelu.share, gelu.slope};
}

template <class F>
Variable apply_to_each(Tape& tape, Variable x, const F& f) {
  Variable y = tape.variable(x.shape());
  constexpr int64_t kRows = 16;
  const int64_t N = x.shape()[0], C = x.shape()[1];
  parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n)
      for (int64_t c = 0; c < C; ++c) y.value.row(n)[c] = f(x.value.row(n)[c]).value;
  });
  tape.record("activate", y, [=] {
    const Gradient gradient(x);
    parallel_ranges(N, kRows, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        for (int64_t c = 0; c < C; ++c)
          gradient.row(n)[c] += y.grad.row(n)[c] * f(x.value.row(n)[c]).slope;
    });
  });
  return y;
}

}  // namespace

Variable activate(Tape& tape, Variable x, Activation activation) {
  Check("activate").matrix("x", x.shape());
  switch (activation) {
    case Activation::relu:
      return apply_to_each(tape, x, [](float v) { return relu(v); });
    case Activation::gelu:
      return apply_to_each(tape, x, [](float v) { return exact_gelu(v); });
    case Activation::gelu_tanh:
      return apply_to_each(tape, x, [](float v) { return gelu_by_tanh(v); });
    case Activation::none:
      break;
  }
  return x;
}

}  // namespace waiver
