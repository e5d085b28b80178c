#include "autograd/gradient.h"
#include "autograd/ops/attention_tile.h"
#include "core/gemm.h"
#include "core/rounded.h"
#include "core/scratch.h"
#include "core/threads.h"

namespace waiver {
namespace {

using namespace attention_tile;

// What a head adds to the gradients of parameters that all sequences share. The heads of different
// sequences are different tiles, so each has sums of its own.
struct HeadSums {
  // [B·H, D], [B·H, D], [B·H, R], [B·H, all shared numbers], [B·H, 1]; or empty
  Tensor slot_key, slot_value, bias, bias_shared, start;
};

float* row_or_null(const Tensor& sums, int64_t index) { return sums ? sums.row(index) : nullptr; }

struct Backward {
  const Head& h;
  const Tensor &out, &dout, &dqkv;
  const Operand& douts;    // dout as an input of products
  const RowState* states;  // of this head, [T]
  const HeadSums& sums;

  float* dq(int64_t i) const { return h.out(dqkv, i); }
  const RowState& state(int64_t i) const { return states[i]; }
  /// The tile's rows of dO.
  Operand dO(const Tile& t) const { return douts.at(h.batch * h.T + t.i0, h.head * h.D); }
};

float dot(const float* x, const float* y, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t d = 0; d < n; ++d) sum += x[d] * y[d];
  return sum;
}

// A block's weights in a, ∂L/∂A in ds, and scores in s, which may be a itself; `kept` holds the
// dropout factors, drawn once for both of their uses.
struct BlockArrays {
  Scratch memory;
  float *s, *a, *ds, *kept = nullptr;
  int64_t pitch;

  BlockArrays(const Head& h, const Tile& t, const Block& block, bool scores_too)
      : pitch(fast_pitch(block.keys())) {
    const int64_t size = t.rows() * pitch;
    a = memory.floats(size);
    ds = memory.floats(size);
    s = scores_too ? memory.floats(size) : a;
    if (h.spec.dropout > 0) kept = memory.floats(size);
  }
};

// a from s; `ds` = dO Vᵀ.
void recompute(const Backward& b, const Tile& t, const Block& block, const BlockArrays& x) {
  const Head& h = b.h;
  scores(h, t, block, x.s, x.pitch);
  weigh(h, t, block, x.s, x.a, x.pitch, b.states + t.i0);
  gemm(Op::plain, Op::transposed, t.rows(), block.keys(), h.D, 1.0f, b.dO(t), h.vs.at(block.j0, 0),
       0.0f, x.ds, x.pitch);
  if (!x.kept) return;
  std::fill_n(x.kept, t.rows() * x.pitch, 1.0f);
  drop(h, t, block, x.kept, x.pitch);
  for (int64_t i = 0; i < t.rows(); ++i)
    for (int64_t j = 0; j < block.keys(); ++j) x.ds[i * x.pitch + j] *= x.kept[i * x.pitch + j];
}

// dv += Aᵀ dO, A with its dropout, which is not applied in the later steps.
void value_gradient(const Backward& b, const Tile& t, const Block& block, const BlockArrays& x) {
  const Head& h = b.h;
  const float* a = x.a;
  if (x.kept) {
    for (int64_t i = 0; i < t.rows(); ++i)
      for (int64_t j = 0; j < block.keys(); ++j) x.kept[i * x.pitch + j] *= x.a[i * x.pitch + j];
    a = x.kept;
  }
  Scratch memory;
  const Rounded weights(memory, a, t.rows(), block.keys(), x.pitch, h.spec.precision);
  weights.fill(0, t.rows());
  gemm(Op::transposed, Op::plain, block.keys(), h.D, t.rows(), 1.0f, weights.all(), b.dO(t), 1.0f,
       b.dq(block.j0) + 2 * h.C, h.stride);
}

// ds = scale · normalizer'(dA), the gradient of its bias, then dq += ds k and dk += dsᵀ q.
void score_gradient(const Backward& b, const Tile& t, const Block& block, const BlockArrays& x,
                    const float* dots) {
  const Head& h = b.h;
  const RowNormalizer& normalizer = *h.spec.normalizer;
  for (int64_t i = t.i0; i < t.i1; ++i) {
    const KeyRange seen = t.visible(i, block);
    const int64_t at = (i - t.i0) * x.pitch + seen.begin;
    float* row = x.ds + (i - t.i0) * x.pitch;
    normalizer.backward(b.state(i), dots[i - t.i0], normalizer.needs_scores() ? x.s + at : nullptr,
                        x.a + at, x.ds + at, seen.size());
    std::fill(row, row + seen.begin, 0.0f);
    std::fill(row + seen.end, row + block.keys(), 0.0f);
    if (b.sums.bias || b.sums.bias_shared)
      h.spec.bias->backward(
          h.head, h.spec.positions[i], h.spec.positions.data() + block.j0 + seen.begin, x.ds + at,
          seen.size(), row_or_null(b.sums.bias, h.index), row_or_null(b.sums.bias_shared, h.index));
    for (int64_t j = 0; j < seen.size(); ++j) x.ds[at + j] *= h.spec.scale;
  }
  Scratch memory;
  const Rounded ds(memory, x.ds, t.rows(), block.keys(), x.pitch, h.spec.precision);
  ds.fill(0, t.rows());
  gemm(Op::plain, Op::plain, t.rows(), h.D, block.keys(), 1.0f, ds.all(),
       h.ks.at(block.j0, 0), 1.0f, b.dq(t.i0), h.stride);
  gemm(Op::transposed, Op::plain, block.keys(), h.D, t.rows(), 1.0f, ds.all(),
       h.qs.at(t.i0, 0), 1.0f, b.dq(block.j0) + h.C, h.stride);
}

// The slot's weight of query i and ∂L/∂weight.
struct SlotWeight {
  float score, weight, grad;
};
SlotWeight slot_weight(const Backward& b, int64_t i) {
  SlotWeight w{slot_score(b.h, i), 0, 0};
  b.h.spec.normalizer->weigh(b.state(i), &w.score, &w.weight, 1);
  if (const Tensor& v = b.h.spec.slot_value.value)
    w.grad = b.h.product(b.h.out(b.dout, i), v.row(b.h.head));
  return w;
}

void slot_gradient(const Backward& b, const Tile& t, const float* dots) {
  const Head& h = b.h;
  const float* k = h.spec.slot_key.value.row(h.head);
  for (int64_t i = t.i0; i < t.i1; ++i) {
    SlotWeight w = slot_weight(b, i);
    h.spec.normalizer->backward(b.state(i), dots[i - t.i0], &w.score, &w.weight, &w.grad, 1);
    const float ds = h.spec.scale * h.input(w.grad), weight = h.input(w.weight);
    const float *q = h.q + i * h.stride, *dO = h.out(b.dout, i);
    for (int64_t d = 0; d < h.D; ++d) b.dq(i)[d] += ds * h.input(k[d]);
    if (b.sums.slot_key)
      for (int64_t d = 0; d < h.D; ++d) b.sums.slot_key.row(h.index)[d] += ds * h.input(q[d]);
    if (b.sums.slot_value)
      for (int64_t d = 0; d < h.D; ++d)
        b.sums.slot_value.row(h.index)[d] += weight * h.input(dO[d]);
  }
}

// Σ_j A_ij ∂L/∂A_ij is dO_i·out_i, unless the normalizer needs a different sum.
void row_dots(const Backward& b, const Tile& t, float* dots) {
  const Head& h = b.h;
  const RowNormalizer& normalizer = *h.spec.normalizer;
  for (int64_t i = t.i0; i < t.i1; ++i)
    dots[i - t.i0] = normalizer.two_passes() ? 0.0f : dot(h.out(b.dout, i), h.out(b.out, i), h.D);
  if (!normalizer.two_passes()) return;
  t.for_blocks([&](const Block& block) {
    const BlockArrays x(h, t, block, true);
    recompute(b, t, block, x);
    for (int64_t i = t.i0; i < t.i1; ++i) {
      const KeyRange seen = t.visible(i, block);
      const int64_t at = (i - t.i0) * x.pitch + seen.begin;
      dots[i - t.i0] += normalizer.partial_dot(b.state(i), x.s + at, x.ds + at, seen.size());
    }
  });
  for (int64_t i = t.i0; h.spec.slot_key.value && i < t.i1; ++i) {
    const SlotWeight w = slot_weight(b, i);
    dots[i - t.i0] += normalizer.partial_dot(b.state(i), &w.score, &w.grad, 1);
  }
}

void backward_tile(const Backward& b, const Tile& t) {
  const RowNormalizer& normalizer = *b.h.spec.normalizer;
  float dots[kQueries];
  row_dots(b, t, dots);
  t.for_blocks([&](const Block& block) {
    const BlockArrays x(b.h, t, block, normalizer.needs_scores());
    recompute(b, t, block, x);
    value_gradient(b, t, block, x);
    score_gradient(b, t, block, x, dots);
  });
  if (b.h.spec.slot_key.value) slot_gradient(b, t, dots);
  for (int64_t i = t.i0; b.sums.start && i < t.i1; ++i)
    b.sums.start.row(b.h.index)[0] +=
        normalizer.parameter_gradient(b.state(i), dots[i - t.i0], b.h.head);
}

// A head's own columns of dq, dk and dv, to which products add.
void skip_head(const Head& h, const Gradient& dqkv) {
  for (int64_t t = 0; t < h.T; ++t)
    for (int part = 0; part < 3; ++part)
      dqkv.row(h.batch * h.T + t).from(part * h.C + h.head * h.D).skip(h.D);
}

// Adds the heads' sums to the gradient [H, R] of their own parameters, sequence by sequence.
void add_up(const Tensor& sums, Variable to, int64_t heads) {
  if (!sums) return;
  const int64_t R = sums.dim(1);
  for (int64_t index = 0; index < sums.dim(0); ++index)
    for (int64_t r = 0; r < R; ++r) to.grad.data[index % heads * R + r] += sums.row(index)[r];
}

// Adds the heads' sums to the gradients of shared parameters, head by head.
void add_up(const Tensor& sums, const std::vector<Variable>& to) {
  if (!sums) return;
  int64_t at = 0;
  for (const Variable& shared : to) {
    const int64_t n = shared.value.size();
    for (int64_t index = 0; shared.wants_grad() && index < sums.dim(0); ++index)
      for (int64_t i = 0; i < n; ++i) shared.grad.data[i] += sums.row(index)[at + i];
    at += n;
  }
}

Tensor sums_for(Arena& arena, const AttentionSpec& spec, const Variable& of_heads) {
  if (!of_heads.wants_grad()) return {};
  return arena.zeros({spec.batch * spec.heads, of_heads.value.size() / spec.heads});
}

Tensor sums_for(Arena& arena, const AttentionSpec& spec, const std::vector<Variable>& shared) {
  int64_t numbers = 0;
  bool wanted = false;
  for (const Variable& v : shared) {
    numbers += v.value.size();
    wanted |= v.wants_grad();
  }
  return wanted ? arena.zeros({spec.batch * spec.heads, numbers}) : Tensor{};
}

}  // namespace

namespace attention_tile {

void backward(Arena& arena, Variable qkv, Variable out, const AttentionSpec& spec,
              const Operand& inputs, const RowState* states) {
  const Variable bias = spec.bias ? spec.bias->parameter() : Variable{},
                 start = spec.normalizer->parameter();
  const auto shared = spec.bias ? spec.bias->shared() : std::vector<Variable>{};
  const HeadSums sums{sums_for(arena, spec, spec.slot_key), sums_for(arena, spec, spec.slot_value),
                      sums_for(arena, spec, bias), sums_for(arena, spec, shared),
                      sums_for(arena, spec, start)};
  const Gradient dqkv(qkv);
  const Operand douts = rounded(arena, out.grad, spec.precision);
  const int64_t tiles = (spec.tokens + kQueries - 1) / kQueries;
  // Tiles of one head add to the same keys and values, so one thread takes them in order.
  parallel_tiles(spec.batch * spec.heads, [&](int64_t index) {
    const Head h(spec, qkv.value, inputs, index);
    skip_head(h, dqkv);
    const Backward b{h, out.value, out.grad, qkv.grad, douts, states + index * h.T, sums};
    for (int64_t tile = 0; tile < tiles; ++tile) backward_tile(b, Tile(h, tile));
  });
  add_up(sums.slot_key, spec.slot_key, spec.heads);
  add_up(sums.slot_value, spec.slot_value, spec.heads);
  add_up(sums.bias, bias, spec.heads);
  add_up(sums.bias_shared, shared);
  add_up(sums.start, start, spec.heads);
}

}  // namespace attention_tile
}  // namespace waiver
