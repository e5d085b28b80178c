#include <utility>

#include "autograd/gradient.h"
#include "autograd/ops/attention/pieces.h"
#include "autograd/ops/attention/sums.h"
#include "autograd/ops/attention/tile.h"
#include "core/products/rounded.h"
#include "core/scratch.h"
#include "core/threads.h"

namespace waiver {
namespace {

using namespace attention_tile;

// A task: one head of a sequence, and all of its keys or a piece of them.
struct Backward {
  const Head& h;
  const Tensor &out, &dout, &dqkv;
  const Operand& douts;  // dout as an input of products
  Operand ks;            // keys by row, and values as h has keys
  Keys vs;
  const RowState* states;  // of this head, [T]
  float* dots;             // of this head, [T]: Σ_j A_ij ∂L/∂A_ij
  const HeadSums& sums;
  int64_t task = 0;         // the row of the biases' sums
  Tensor dq = {};           // [T, D], columns of dqkv or the task's own
  bool* started = nullptr;  // which tiles' rows of its own it has written

  const RowState& state(int64_t i) const { return states[i]; }
  float* dk(int64_t key) const { return h.out(dqkv, key) + h.C; }
  float* dv(int64_t key) const { return h.out(dqkv, key) + 2 * h.C; }
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
// dropout factors, drawn once for both of their uses. `weights` are those that multiplied values,
// as inputs of products.
struct BlockArrays {
  Scratch memory;
  float *s, *a, *ds, *kept = nullptr;
  int64_t pitch;
  Rounded weights;

  BlockArrays(const Head& h, const Tile& t, const Block& block, bool scores_too)
      : pitch(fast_pitch(block.keys())) {
    const int64_t size = t.rows() * pitch;
    a = memory.floats(size);
    ds = memory.floats(size);
    s = scores_too ? memory.floats(size) : a;
    if (h.spec.dropout > 0) kept = memory.floats(size);
    weights = Rounded(memory, kept ? kept : a, t.rows(), block.keys(), pitch, h.spec.precision);
  }
};

// Keys [first, last) and their values for products with many tiles. In float32 those of a
// transposed right-hand side are slower by a tenth than those of a plain one.
struct KeyBlock {
  Scratch memory;
  Keys k, v;

  KeyBlock(const Backward& b, int64_t first, int64_t last) : k{b.h.ks}, v{b.vs} {
    const Head& h = b.h;
    if (!may_lay_keys(h.spec)) return;
    const int64_t pitch = fast_pitch(last - first);
    float* to = memory.floats(2 * h.D * pitch);
    k = lay_keys(h, h.k, first, last, to, pitch);
    v = lay_keys(h, h.v, first, last, to + h.D * pitch, pitch);
  }
};

// a from s; `ds` = dO Vᵀ.
void recompute(const Backward& b, const Tile& t, const Block& block, const Keys& k, const Keys& v,
               const BlockArrays& x) {
  const Head& h = b.h;
  scores(h, t, block, k, x.s, x.pitch);
  weigh(h, t, block, x.s, x.a, x.pitch, b.states + t.i0, x.kept ? Rounded() : x.weights);
  gemm(Op::plain, v.op, t.rows(), block.keys(), h.D, 1.0f, b.dO(t), v.from(block.j0), 0.0f, x.ds,
       x.pitch);
  if (!x.kept) return;
  std::fill_n(x.kept, t.rows() * x.pitch, 1.0f);
  drop(h, t, block, x.kept, x.pitch);
  for (int64_t i = 0; i < t.rows(); ++i)
    for (int64_t j = 0; j < block.keys(); ++j) x.ds[i * x.pitch + j] *= x.kept[i * x.pitch + j];
}

// dv += Aᵀ dO, A with its dropout, which is not applied in the later steps.
void value_gradient(const Backward& b, const Tile& t, const Block& block, const BlockArrays& x) {
  const Head& h = b.h;
  for (int64_t i = 0; x.kept && i < t.rows(); ++i) {
    for (int64_t j = 0; j < block.keys(); ++j) x.kept[i * x.pitch + j] *= x.a[i * x.pitch + j];
    x.weights.fill(i, i + 1);
  }
  gemm(Op::transposed, Op::plain, block.keys(), h.D, t.rows(), 1.0f, x.weights.all(), b.dO(t), 1.0f,
       b.dv(block.j0), h.stride);
}

// ds = scale · normalizer'(dA), the gradient of its bias, then dq += ds k and dk += dsᵀ q.
void score_gradient(const Backward& b, const Tile& t, const Block& block, const BlockArrays& x) {
  const Head& h = b.h;
  const RowNormalizer& normalizer = *h.spec.normalizer;
  Scratch memory;
  const Rounded ds(memory, x.ds, t.rows(), block.keys(), x.pitch, h.spec.precision);
  for (int64_t i = t.i0; i < t.i1; ++i) {
    const KeyRange seen = t.visible(i, block);
    const int64_t at = (i - t.i0) * x.pitch + seen.begin;
    float* row = x.ds + (i - t.i0) * x.pitch;
    normalizer.backward(b.state(i), b.dots[i], normalizer.needs_scores() ? x.s + at : nullptr,
                        x.a + at, x.ds + at, seen.size());
    std::fill(row, row + seen.begin, 0.0f);
    std::fill(row + seen.end, row + block.keys(), 0.0f);
    if (b.sums.bias || b.sums.bias_shared)
      h.spec.bias->backward(
          h.head, h.spec.positions[i], h.spec.positions.data() + block.j0 + seen.begin, x.ds + at,
          seen.size(), row_or_null(b.sums.bias, b.task), row_or_null(b.sums.bias_shared, b.task));
    for (int64_t j = 0; j < seen.size(); ++j) x.ds[at + j] *= h.spec.scale;
    ds.fill(i - t.i0, i - t.i0 + 1);
  }
  const bool first = b.started && !std::exchange(b.started[t.index], true);
  gemm(Op::plain, Op::plain, t.rows(), h.D, block.keys(), 1.0f, ds.all(), b.ks.at(block.j0, 0),
       first ? 0.0f : 1.0f, b.dq.row(t.i0), b.dq.stride());
  gemm(Op::transposed, Op::plain, block.keys(), h.D, t.rows(), 1.0f, ds.all(), h.qs.at(t.i0, 0),
       1.0f, b.dk(block.j0), h.stride);
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

void slot_gradient(const Backward& b, const Tile& t) {
  const Head& h = b.h;
  const float* k = h.spec.slot_key.value.row(h.head);
  for (int64_t i = t.i0; i < t.i1; ++i) {
    SlotWeight w = slot_weight(b, i);
    h.spec.normalizer->backward(b.state(i), b.dots[i], &w.score, &w.weight, &w.grad, 1);
    const float ds = h.spec.scale * h.input(w.grad), weight = h.input(w.weight);
    const float *q = h.q + i * h.stride, *dO = h.out(b.dout, i);
    for (int64_t d = 0; d < h.D; ++d) h.out(b.dqkv, i)[d] += ds * h.input(k[d]);
    if (b.sums.slot_key)
      for (int64_t d = 0; d < h.D; ++d) b.sums.slot_key.row(h.index)[d] += ds * h.input(q[d]);
    if (b.sums.slot_value)
      for (int64_t d = 0; d < h.D; ++d)
        b.sums.slot_value.row(h.index)[d] += weight * h.input(dO[d]);
  }
}

template <class F>
void for_key_ranges(const KeyRange& keys, const F& f) {
  for (int64_t first = keys.begin; first < keys.end; first += kKeys)
    f(KeyRange{first, std::min(keys.end, first + kKeys)});
}

// Σ_j A_ij ∂L/∂A_ij is dO_i·out_i.
void find_dots(const Backward& b, const Tile& t) {
  const Head& h = b.h;
  for (int64_t i = t.i0; i < t.i1; ++i) b.dots[i] = dot(h.out(b.dout, i), h.out(b.out, i), h.D);
}

// A different sum that the normalizer needs, over the same blocks of keys as the gradients.
void find_other_dots(const Backward& b, const Tile& t, int64_t piece) {
  const Head& h = b.h;
  const RowNormalizer& normalizer = *h.spec.normalizer;
  std::fill(b.dots + t.i0, b.dots + t.i1, 0.0f);
  for (int64_t begin = 0; begin < h.T; begin += piece)
    for_key_ranges({begin, std::min(h.T, begin + piece)}, [&](const KeyRange& keys) {
      t.for_blocks(keys, [&](const Block& block) {
        BlockArrays x(h, t, block, true);
        x.weights = {};  // no product needs them
        recompute(b, t, block, h.ks, b.vs, x);
        for (int64_t i = t.i0; i < t.i1; ++i) {
          const KeyRange seen = t.visible(i, block);
          const int64_t at = (i - t.i0) * x.pitch + seen.begin;
          b.dots[i] += normalizer.partial_dot(b.state(i), x.s + at, x.ds + at, seen.size());
        }
      });
    });
  for (int64_t i = t.i0; h.spec.slot_key.value && i < t.i1; ++i) {
    const SlotWeight w = slot_weight(b, i);
    b.dots[i] += normalizer.partial_dot(b.state(i), &w.score, &w.grad, 1);
  }
}

// The gradients of a task's keys, and its part of those of all queries.
void backward_keys(const Backward& b, const Tiles& tiles, const KeyRange& all) {
  const bool scores_too = b.h.spec.normalizer->needs_scores();
  for_key_ranges(all, [&](const KeyRange& keys) {
    const KeyBlock laid(b, keys.begin, keys.end);
    for (int64_t tile = 0; tile < tiles.of_sequence(); ++tile) {
      const Tile& t = tiles.at(b.h.batch, tile);
      t.for_blocks(keys, [&](const Block& block) {
        const BlockArrays x(b.h, t, block, scores_too);
        recompute(b, t, block, laid.k, laid.v, x);
        value_gradient(b, t, block, x);
        score_gradient(b, t, block, x);
      });
    }
  });
}

// What does not depend on keys: the slot and the normalizer's parameter.
void backward_rest(const Backward& b, const Tile& t) {
  if (b.h.spec.slot_key.value) slot_gradient(b, t);
  for (int64_t i = t.i0; b.sums.start && i < t.i1; ++i)
    b.sums.start.row(b.h.index)[0] +=
        b.h.spec.normalizer->parameter_gradient(b.state(i), b.dots[i], b.h.head);
}

}  // namespace

namespace attention_tile {

void backward(Tape& tape, const BatchParts& parts, Variable qkv, Variable out,
              const AttentionSpec& spec, const Inputs& inputs, const Tiles& tiles,
              const RowState* states) {
  Arena& arena = tape.arena();
  const int64_t T = spec.tokens, heads = spec.batch * spec.heads, count = tiles.of_sequence();
  const Pieces pieces(spec, out.shape()[1] / spec.heads, count);
  const HeadSums sums(arena, spec, pieces.count());
  const Gradient dqkv(qkv);
  const Rounded douts(arena, out.grad, spec.precision);
  float* dots = arena.array<float>(heads * T);
  const OtherInputs others(arena, qkv.value, inputs);
  const auto with_head = [&](int64_t index, const auto& f) {
    const Head h(spec, qkv.value, inputs, index);
    f(Backward{h, out.value, out.grad, qkv.grad, douts.all(), h.rows(others.k), h.keys(others.v),
               states + index * T, dots + index * T, sums});
  };

  parallel_tiles(heads * count, [&](int64_t task) {
    with_head(task / count, [&](const Backward& b) {
      const Head& h = b.h;
      const Tile& t = tiles.at(h.batch, task % count);
      douts.fill(h.batch * T + t.i0, h.batch * T + t.i1, h.head * h.D, (h.head + 1) * h.D);
      if (spec.normalizer->two_passes())
        find_other_dots(b, t, pieces.length());
      else
        find_dots(b, t);
    });
  });
  // The first keys of a causal head are seen by the most queries.
  parallel_tiles(pieces.tasks(), [&](int64_t task) {
    with_head(task % heads, [&](Backward b) {
      const int64_t piece = task / heads;
      const KeyRange keys = pieces.keys(piece);
      for (const int64_t column : {b.h.C, 2 * b.h.C}) skip(b.h, dqkv, column, keys.begin, keys.end);
      b.task = b.h.index * pieces.count() + piece;
      if (pieces.count() == 1) {
        skip(b.h, dqkv, 0, 0, T);
        b.dq = {b.h.out(qkv.grad, 0), {T, b.h.D}, b.h.stride};
      } else {
        b.dq = pieces.dq(task);
        b.started = pieces.started(task);
      }
      backward_keys(b, tiles, keys);
    });
  });
  if (pieces.count() > 1)
    parallel_tiles(heads * count, [&](int64_t task) {
      with_head(task / count, [&](const Backward& b) {
        pieces.add_up(b.h, tiles.at(b.h.batch, task % count), dqkv);
      });
    });
  if (spec.slot_key.value || sums.start)
    parallel_tiles(heads, [&](int64_t index) {
      with_head(index, [&](const Backward& b) {
        for (int64_t tile = 0; tile < count; ++tile) backward_rest(b, tiles.at(b.h.batch, tile));
      });
    });
  sums.add_up(tape, spec, parts);
}

}  // namespace attention_tile
}  // namespace waiver
