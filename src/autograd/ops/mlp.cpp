#include <tuple>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/row_products.h"
#include "autograd/ops/weight_gradient.h"
#include "core/math.h"
#include "core/products/rounded.h"

namespace waiver {
namespace {

// A matrix [N, M] that is there as a factor of products alone. In float32 a product leaves it
// there; in bfloat16 its numbers are rounded part by part, and it is never there in float32: that
// would be most of what an MLP moves through memory.
struct Factor {
  Tensor numbers;   // in float32
  Rounded rounded;  // in bfloat16

  Factor(Arena& arena, int64_t rows, int64_t columns, Precision precision) {
    if (precision == Precision::float32)
      numbers = arena.matrix(rows, columns);
    else
      rounded = Rounded(arena, rows, columns);
  }
  Operand all() const { return rounded ? rounded.all() : operand(numbers.data, numbers.stride()); }
  /// The matrix becomes A B, each part as `finish` leaves it.
  template <class F, class G>
  void fill(const BatchParts& parts, const Operand& a, const Right& b, const F& before,
            const G& finish) const {
    if (!rounded) return multiply(parts, a, b, 0.0f, numbers, before, finish);
    multiply_and_drop(parts, a, b, before, [&](int64_t tile, const Part& part) {
      finish(tile, part);
      for (int64_t n = part.begin; n < part.end; ++n)
        rounded.put(n, part.first, part.row(n), part.width());
    });
  }
};

bool is_gelu(Activation act) { return act == Activation::gelu || act == Activation::gelu_tanh; }

// z becomes activation(z). GELU's slope is kept where there is a place for it: forward has all its
// terms at hand, and backward would take as long again to compute it.
void activate(const Part& z, Activation act, const Tensor& slope) {
  for (int64_t n = z.begin; n < z.end; ++n) {
    float *y = z.row(n), *s = slope ? slope.row(n) + z.first : nullptr;
    if (act == Activation::relu)
      for (int64_t c = 0; c < z.width(); ++c) y[c] = y[c] > 0 ? y[c] : (y[c] <= 0 ? 0 : y[c]);
    for (int64_t c = 0; act == Activation::gelu && c < z.width(); ++c) {
      const NormalCdf phi = normal_cdf(y[c]);
      if (s) s[c] = phi.cdf + y[c] * phi.density;
      y[c] *= phi.cdf;
    }
    for (int64_t c = 0; act == Activation::gelu_tanh && c < z.width(); ++c) {
      const TanhGelu gelu = tanh_gelu(y[c]);
      if (s) s[c] = gelu.slope;
      y[c] *= gelu.share;
    }
  }
}

// dy becomes dz. ReLU's slope is that of its output.
void slope_times(const Part& dy, Activation act, const Operand& y, const Tensor& slope) {
  for (int64_t n = dy.begin; n < dy.end; ++n) {
    float* d = dy.row(n);
    const Operand row = y.at(n, dy.first);
    for (int64_t c = 0; act == Activation::relu && row.halves && c < dy.width(); ++c)
      d[c] = static_cast<float>(row.halves[c]) > 0 ? d[c] : 0;
    for (int64_t c = 0; act == Activation::relu && row.floats && c < dy.width(); ++c)
      d[c] = row.floats[c] > 0 ? d[c] : 0;
    for (int64_t c = 0; is_gelu(act) && c < dy.width(); ++c) d[c] *= slope.row(n)[dy.first + c];
  }
}

void check_shapes(const Variable& x, const Affine& up, const Affine& down) {
  const Check check("mlp");
  check.matrix("x", x.shape());
  for (const auto& [name, bias_name, layer] :
       {std::tuple{"up", "bias of up", up}, {"down", "bias of down", down}}) {
    const Shape& shape = layer.weight.shape();
    check.matrix(name, shape);
    check.contiguous(name, layer.weight.value);
    if (layer.bias.value) check.vector(bias_name, layer.bias.shape(), shape[1], "outputs");
  }
  check.require(x.shape()[1] == up.weight.shape()[0],
                "the last axis of x {} must match the rows of up {}", x.shape(), up.weight.shape());
  check.require(up.weight.shape()[1] == down.weight.shape()[0],
                "the last axis of up {} must match the rows of down {}", up.weight.shape(),
                down.weight.shape());
}

}  // namespace

Variable mlp(Tape& tape, Variable x, const Affine& up, Activation act, const Affine& down) {
  check_shapes(x, up, down);
  const int64_t N = x.shape()[0], M = up.weight.shape()[1], out = down.weight.shape()[1];
  Arena& arena = tape.arena();
  const Precision precision = tape.precision();
  const BatchParts parts = tape.parts(N);
  const Variable y = tape.variable({N, out});
  Tensor slope;
  if (is_gelu(act) && tape.recording()) slope = arena.matrix(N, M);

  const Right w_up = right_side(arena, up.weight.value, true, precision),
              w_down = right_side(arena, down.weight.value, true, precision);
  const Rounded inputs = x.rounded ? x.rounded : Rounded(arena, x.value, precision);
  const Factor hidden(arena, N, M, precision);
  hidden.fill(
      parts, inputs.all(), w_up,
      [&](int64_t, int64_t begin, int64_t end) {
        if (!x.rounded) inputs.fill(begin, end);
      },
      [&](int64_t, const Part& z) {
        add_bias(z, up.bias.value.data);
        activate(z, act, slope);
      });
  multiply(parts, hidden.all(), w_down, 0.0f, y.value, Nothing(),
           [&](int64_t, const Part& part) { add_bias(part, down.bias.value.data); });

  tape.record("mlp", y, [=, &tape, &arena] {
    const Gradient dx(x);
    const Rounded dy(arena, y.grad, precision);
    const Factor dz(arena, N, M, precision);
    const Tensor up_sums = tile_sums(arena, parts, up.bias),
                 down_sums = tile_sums(arena, parts, down.bias);
    dz.fill(
        parts, dy.all(), other_side(arena, down.weight.value, w_down, true, precision),
        [&](int64_t tile, int64_t begin, int64_t end) {
          if (down_sums) sum_rows(y.grad, begin, end, down_sums.row(tile));
          dy.fill(begin, end);
        },
        [&](int64_t tile, const Part& part) {
          slope_times(part, act, hidden.all(), slope);
          if (up_sums) sum_rows(part, up_sums.row(tile));
        });
    multiply(parts, dz.all(), other_side(arena, up.weight.value, w_up, true, precision), dx.beta(),
             dx.tensor(), Nothing(), Nothing());
    if (down.weight.wants_grad())
      add_weight_gradient(hidden.all(), dy.all(), parts, tape.gradient_of(down.weight));
    if (down_sums) parts.add_tiles(down_sums, 0, out, tape.gradient_of(down.bias).data);
    if (up.weight.wants_grad())
      add_weight_gradient(inputs.all(), dz.all(), parts, tape.gradient_of(up.weight));
    if (up_sums) parts.add_tiles(up_sums, 0, M, tape.gradient_of(up.bias).data);
  });
  return y;
}

}  // namespace waiver
