#include "autograd/ops/loss/output_loss.h"

#include <algorithm>

#include "autograd/gradient.h"
#include "autograd/ops/check.h"
#include "autograd/ops/loss/loss_rows.h"
#include "autograd/ops/weight_gradient.h"
#include "core/products/rounded.h"

namespace waiver {
namespace {

constexpr int64_t kAtOnce = 1 << 24;  // logits that are there at a time, 64 MiB

// The end of the groups of tasks from `group` on that have at most so many rows, or of one.
int64_t groups_within(const RowCut& cut, int64_t group, int64_t rows) {
  const int64_t begin = cut.group_begin(group);
  int64_t end = group + 1;
  while (end < cut.groups() && cut.group_begin(end + 1) - begin <= rows) ++end;
  return end;
}

// Memory for columns of the logits. How products are summed may depend on the distance of a
// matrix's rows, by its remainders by powers of two (oneDNN avoids kernels that are slow for some),
// so these are those of the whole.
Tensor window_of_logits(Arena& arena, int64_t rows, int64_t columns, int64_t V) {
  const int64_t pitch = (columns / RowCut::kDeepest * RowCut::kDeepest) + V % RowCut::kDeepest;
  const int64_t stride = pitch < columns ? pitch + RowCut::kDeepest : pitch;
  return {arena.array<float>(Shape{rows, stride}.size()), {rows, columns}, stride};
}

// The logits, to be computed window by window.
struct Product {
  BatchParts parts;
  Right right;
  Rounded inputs;
  const float* bias;

  Product(Tape& tape, const Variable& x, const OutputLayer& layer)
      : parts(tape.parts(x.shape()[0])),
        right(right_side(tape.arena(), layer.weight.value, layer.as_is, tape.precision())),
        inputs(x.rounded ? x.rounded : Rounded(tape.arena(), x.value, tape.precision())),
        bias(layer.bias.value.data) {
    if (x.rounded) return;
    parts.for_tiles([&](int64_t, int64_t begin, int64_t end) { inputs.fill(begin, end); });
  }

  void fill(const Window& window, const Tensor& logits) const {
    multiply_window(parts, inputs.all(), right, window, logits,
                    [&](int64_t, const Part& part) { add_bias(part, bias); });
  }
  // f(n, logits) for some rows from the n-th on at a time.
  template <class F>
  void for_rows(Arena& arena, const F& f) const {
    const RowCut cut(parts, right);
    const int64_t V = right.columns;
    for (int64_t group = 0, end = 0; group < cut.groups(); group = end) {
      end = groups_within(cut, group, kAtOnce / V);
      const int64_t begin = cut.group_begin(group), rows = cut.group_begin(end) - begin;
      const Arena::Scope scope(arena);
      const Tensor logits = arena.tensor({rows, V});
      fill({begin, begin + rows, 0, V}, logits);
      f(begin, logits);
    }
  }
};

}  // namespace

bool many_logits(int64_t rows, const OutputLayer& layer) {
  const int64_t V = layer.vocabulary();
  return V > RowCut::kDeepest && rows * V > kAtOnce;
}

bool loss_comes_in_parts(const Tape& tape, int64_t rows, const OutputLayer& layer) {
  return tape.recomputes() && many_logits(rows, layer) &&
         weight_gradient_comes_in_windows(layer.weight.value, tape.parts(rows));
}

void for_logits(Tape& tape, Variable x, const OutputLayer& layer,
                const std::function<void(int64_t, const Tensor&)>& f) {
  const Product product(tape, x, layer);
  product.for_rows(tape.arena(), f);
}

Variable output_loss(Tape& tape, Variable x, const OutputLayer& layer,
                     std::span<const int32_t> targets, ShareOfLoss* share) {
  const int64_t N = x.shape()[0], V = layer.vocabulary();
  const Check check("output_loss");
  check.require(N == std::ssize(targets), "the rows of x {} must match the {} targets", x.shape(),
                targets.size());
  Arena& arena = tape.arena();
  const Precision precision = tape.precision();
  const Variable loss = tape.variable({1}), weight = layer.weight, bias = layer.bias;
  const bool as_is = layer.as_is;
  const Tensor lse = arena.tensor({N}), losses = arena.tensor({N});
  const Product product(tape, x, layer);
  const BatchParts parts = product.parts;
  const bool in_parts = loss_comes_in_parts(tape, N, layer);
  const Tensor kept = in_parts ? Tensor{} : arena.tensor({N, V});
  const auto find_losses = [&](int64_t first, const Tensor& logits) {
    parallel_ranges(logits.dim(0), 16, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        if (const int32_t y = targets[first + n]; y >= 0) {
          lse.data[first + n] = log_sum_exp(logits.row(n), V);
          losses.data[first + n] = lse.data[first + n] - logits.row(n)[y];
        }
    });
  };
  if (in_parts) {
    product.for_rows(arena, find_losses);
  } else {
    product.fill({0, N, 0, V}, kept);
    find_losses(0, kept);
  }
  const LossMean mean(parts, targets, share, [&](int64_t n) { return losses.data[n]; });
  loss.value.data[0] = mean.value;

  tape.record("output_loss", loss, [=, &tape, &arena] {
    const Gradient dx(x);
    const Right back = other_side(arena, weight.value, product.right, as_is, precision);
    const Tensor dw = weight.wants_grad() ? tape.gradient_of(weight) : Tensor{},
                 db = bias.wants_grad() ? tape.gradient_of(bias) : Tensor{};
    const float scale = loss.grad.data[0] / static_cast<float>(mean.count);
    const int64_t width =
        in_parts ? std::max<int64_t>(1, kAtOnce / N / RowCut::kDeepest) * RowCut::kDeepest : V;
    for (int64_t first = 0; first < V; first += width) {
      const int64_t last = std::min(V, first + width);
      const Arena::Scope scope(arena);
      const Tensor dy = in_parts ? window_of_logits(arena, N, last - first, V) : kept;
      if (in_parts) product.fill({0, N, first, last}, dy);
      const Rounded rounded(arena, dy, precision);
      Tensor sums;
      if (db) sums = arena.tensor({parts.tiles(), last - first});
      // Each row of the gradient while it is in cache.
      parts.for_tiles([&](int64_t tile, int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
          logits_gradient(dy.row(n), first, last, targets[n], lse.data[n], scale);
          rounded.fill(n, n + 1);
        }
        if (sums) sum_rows(dy, begin, end, sums.row(tile));
      });
      multiply_pieces(parts, rounded.all(), back, first, last, dx.beta(), dx.tensor());
      const Operand left = (as_is ? product.inputs : rounded).all(),
                    right = (as_is ? rounded : product.inputs).all();
      if (dw && in_parts)
        add_weight_gradient_window(left, right, parts, dw, {!as_is, first, last});
      else if (dw)
        add_weight_gradient(left, right, parts, dw);
      if (sums) parts.add_tiles(sums, 0, last - first, db.data + first);
    }
  });
  return loss;
}

}  // namespace waiver
