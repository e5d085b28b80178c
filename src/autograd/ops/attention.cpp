#include "autograd/ops/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/gemm.h"
#include "core/threads.h"

namespace waiver {
namespace {

constexpr int64_t kQueries = 64;  // queries of a tile

// One head of one sequence: q, k, v are [T, D] with row stride 3C.
struct Head {
  const AttentionSpec& spec;
  int64_t batch, head, T, D, C, stride;
  const float *q, *k, *v;

  Head(const AttentionSpec& s, const Tensor& qkv, int64_t index)
      : spec(s), batch(index / s.heads), head(index % s.heads), T(s.tokens) {
    stride = qkv.dim(1);
    C = stride / 3;
    D = C / s.heads;
    q = qkv.row(batch * T) + head * D;
    k = q + C;
    v = k + C;
  }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(D)); }
};

// Queries [i0, i1) and the keys [j0, j1) that any of them sees.
struct Tile {
  int64_t i0, i1, j0, j1;
  int64_t rows() const { return i1 - i0; }
  int64_t keys() const { return j1 - j0; }

  Tile(const Head& h, int64_t block) : i0(block * kQueries), i1(std::min(h.T, i0 + kQueries)) {
    j0 = h.T;
    j1 = 0;
    for (int64_t i = i0; i < i1; ++i) {
      j0 = std::min(j0, h.spec.mask->begin(i, h.T));
      j1 = std::max(j1, h.spec.mask->end(i, h.T));
    }
  }
};

// Scores of a tile into s [rows, keys].
void tile_scores(const Head& h, const Tile& t, float* s) {
  gemm(Op::plain, Op::transposed, t.rows(), t.keys(), h.D, h.scale(), h.q + t.i0 * h.stride,
       h.stride, h.k + t.j0 * h.stride, h.stride, 0.0f, s, t.keys());
  if (!h.spec.bias) return;
  const int32_t* positions = h.spec.positions;
  for (int64_t i = t.i0; i < t.i1; ++i)
    h.spec.bias->add(h.head, positions[i], positions + t.j0, s + (i - t.i0) * t.keys(), t.keys());
}

// Scores become weights, 0 where hidden.
void tile_weights(const Head& h, const Tile& t, float* s) {
  for (int64_t i = t.i0; i < t.i1; ++i) {
    float* row = s + (i - t.i0) * t.keys();
    const int64_t begin = h.spec.mask->begin(i, h.T) - t.j0, end = h.spec.mask->end(i, h.T) - t.j0;
    std::fill(row, row + begin, 0.0f);
    h.spec.normalizer->forward(row + begin, end - begin);
    std::fill(row + end, row + t.keys(), 0.0f);
  }
}

// Copies the visible part of a tile into its rows of a [B, H, T, T] tensor.
void keep_tile(const Head& h, const Tile& t, const float* s, float hidden, Tensor to) {
  for (int64_t i = t.i0; i < t.i1; ++i) {
    const int64_t begin = h.spec.mask->begin(i, h.T), end = h.spec.mask->end(i, h.T);
    float* row = to.data + ((h.batch * h.spec.heads + h.head) * h.T + i) * h.T;
    std::fill(row, row + h.T, hidden);
    std::memcpy(row + begin, s + (i - t.i0) * t.keys() + begin - t.j0,
                (end - begin) * sizeof(float));
  }
}

void forward_tile(const Head& h, const Tile& t, Tensor out) {
  float* s = scratch(0, t.rows() * t.keys());
  tile_scores(h, t, s);
  if (h.spec.scores) keep_tile(h, t, s, -std::numeric_limits<float>::infinity(), h.spec.scores);
  tile_weights(h, t, s);
  if (h.spec.pattern) keep_tile(h, t, s, 0.0f, h.spec.pattern);
  gemm(Op::plain, Op::plain, t.rows(), h.D, t.keys(), 1.0f, s, t.keys(), h.v + t.j0 * h.stride,
       h.stride, 0.0f, out.row(h.batch * h.T + t.i0) + h.head * h.D, h.C);
}

// dv += Aᵀ do;  dA = do vᵀ;  ds = normalizer'(dA);  dq += ds k / √D;  dk += dsᵀ q / √D.
void backward_tile(const Head& h, const Tile& t, const Tensor& dout, Tensor dqkv) {
  const int64_t keys = t.keys(), rows = t.rows();
  float *a = scratch(0, rows * keys), *ds = scratch(1, rows * keys);
  const float* dO = dout.row(h.batch * h.T + t.i0) + h.head * h.D;
  float* dq = dqkv.row(h.batch * h.T) + h.head * h.D + t.i0 * h.stride;
  float* dk = dqkv.row(h.batch * h.T) + h.head * h.D + h.C + t.j0 * h.stride;
  float* dv = dk + h.C;
  tile_scores(h, t, a);
  tile_weights(h, t, a);
  gemm(Op::transposed, Op::plain, keys, h.D, rows, 1.0f, a, keys, dO, h.C, 1.0f, dv, h.stride);
  gemm(Op::plain, Op::transposed, rows, keys, h.D, 1.0f, dO, h.C, h.v + t.j0 * h.stride, h.stride,
       0.0f, ds, keys);
  for (int64_t i = t.i0; i < t.i1; ++i) {
    float* row = ds + (i - t.i0) * keys;
    const int64_t begin = h.spec.mask->begin(i, h.T) - t.j0, end = h.spec.mask->end(i, h.T) - t.j0;
    std::fill(row, row + begin, 0.0f);
    h.spec.normalizer->backward(a + (i - t.i0) * keys + begin, row + begin, end - begin);
    std::fill(row + end, row + keys, 0.0f);
  }
  gemm(Op::plain, Op::plain, rows, h.D, keys, h.scale(), ds, keys, h.k + t.j0 * h.stride, h.stride,
       1.0f, dq, h.stride);
  gemm(Op::transposed, Op::plain, keys, h.D, rows, h.scale(), ds, keys, h.q + t.i0 * h.stride,
       h.stride, 1.0f, dk, h.stride);
}

// A head's own columns of dq, dk and dv.
void clear_gradient(const Head& h, Tensor dqkv) {
  for (int64_t t = 0; t < h.T; ++t)
    for (int part = 0; part < 3; ++part)
      std::memset(dqkv.row(h.batch * h.T + t) + part * h.C + h.head * h.D, 0, h.D * sizeof(float));
}

}  // namespace

Variable attention(Tape& tape, Variable qkv, const AttentionSpec& spec) {
  const int64_t blocks = (spec.tokens + kQueries - 1) / kQueries;
  Variable out = tape.variable({qkv.shape()[0], qkv.shape()[1] / 3});
  parallel_tiles(spec.batch * spec.heads * blocks, [&](int64_t tile) {
    const Head h(spec, qkv.value, tile / blocks);
    forward_tile(h, Tile(h, tile % blocks), out.value);
  });
  tape.record("attention", out, [=] {
    const bool first = qkv.first_gradient();
    // Blocks of one head add to the same keys and values, so a tile is a whole head.
    parallel_tiles(spec.batch * spec.heads, [&](int64_t index) {
      const Head h(spec, qkv.value, index);
      if (first) clear_gradient(h, qkv.grad);
      for (int64_t block = 0; block < blocks; ++block)
        backward_tile(h, Tile(h, block), out.grad, qkv.grad);
    });
  });
  return out;
}

}  // namespace waiver
