#pragma once

#include "autograd/ops/attention/inputs.h"
#include "autograd/ops/attention/spec.h"
#include "core/products/gemm.h"
#include "core/threads.h"

// The geometry of a tile of attention, and its scores. Shared by forward and backward.

namespace waiver::attention_tile {

constexpr int64_t kMostQueries = 128;  // of a tile
constexpr int64_t kKeys = 512;         // keys of a block: 128 × 512 scores are 256 KiB

/// Queries of a tile. The units of bfloat16 want more rows at a time; but of a short causal
/// sequence too many of a tile's scores would be hidden, and there should be work for many threads.
inline int64_t queries_of_tile(const AttentionSpec& spec) {
  const bool many = spec.heads_of_batch() * (spec.tokens / kMostQueries) >= TileLoops::kMany;
  return spec.precision == Precision::bfloat16 && spec.tokens >= 1024 && many ? kMostQueries : 64;
}

/// One head of one sequence: q, k, v are [T, D] with row stride 3C.
struct Head {
  const AttentionSpec& spec;
  int64_t index, batch, head, T, D, C, stride;
  const float *q, *k, *v;
  // The same as inputs of products.
  Operand qs, vs;
  Keys ks;

  Head(const AttentionSpec& s, const Tensor& qkv, const Inputs& inputs, int64_t i)
      : spec(s), index(i), batch(i / s.heads), head(i % s.heads), T(s.tokens) {
    stride = qkv.dim(1);
    C = stride / 3;
    D = C / s.heads;
    q = qkv.row(batch * T) + head * D;
    k = q + C;
    v = k + C;
    qs = rows(inputs.q);
    ks = keys(inputs.k);
    vs = rows(inputs.v);
  }
  /// Its part [T, D] of all inputs.
  Operand rows(const Operand& all) const { return all.at(batch * T, head * D); }
  /// Its part of all inputs as a right-hand side with a column for each key.
  Keys keys(const Operand& all) const {
    if (all.panels) return {all.at(head * D, batch * T), Op::plain};
    return {rows(all)};
  }
  /// x as an input of a product.
  float input(float x) const { return as_input(x, spec.precision); }
  /// x·y over the D channels, as a product.
  float product(const float* x, const float* y) const;
  /// This head's columns of row t of a [B·T, C] tensor.
  float* out(const Tensor& t, int64_t token) const { return t.row(batch * T + token) + head * D; }
  /// Query i's row of a [B, H, T, T] tensor.
  float* map(const Tensor& t, int64_t i) const { return t.data + (index * T + i) * T; }
};

/// Keys [j0, j1) of one of the ranges that a tile's queries see.
struct Block {
  int64_t j0, j1;
  size_t range;
  int64_t keys() const { return j1 - j0; }
};

/// Queries [i0, i1) of a sequence, the keys each sees, and the blocks that cover them.
class Tile {
 public:
  Tile(const AttentionSpec& spec, int64_t batch, int64_t number)
      : index(number),
        i0(index * queries_of_tile(spec)),
        i1(std::min(spec.tokens, i0 + queries_of_tile(spec))) {
    all_.fill({spec.tokens, 0});
    for (int64_t i = i0; i < i1; ++i) {
      VisibleKeys seen = spec.mask->visible(i, spec.tokens);
      if (!spec.documents.empty()) seen = seen.within(spec.documents[batch * spec.tokens + i]);
      const auto ranges = (visible_[i - i0] = seen.joined()).ranges();
      for (size_t r = 0; r < ranges.size(); ++r)
        if (ranges[r].size() > 0)
          all_[r] = {std::min(all_[r].begin, ranges[r].begin),
                     std::max(all_[r].end, ranges[r].end)};
    }
    // Every shape of a bfloat16 product has a kernel of its own, so there should be few.
    for (KeyRange& keys : all_)
      if (spec.precision == Precision::bfloat16 && keys.size() > 0)
        keys = {keys.begin / 64 * 64, std::min(spec.tokens, (keys.end + 63) / 64 * 64)};
  }

  int64_t index, i0, i1;
  int64_t rows() const { return i1 - i0; }
  const VisibleKeys& visible(int64_t i) const { return visible_[i - i0]; }
  /// Query i's keys within a block, counted from its first key.
  KeyRange visible(int64_t i, const Block& block) const {
    const KeyRange r = visible_[i - i0].ranges()[block.range].within(block.j0, block.j1);
    return r.size() > 0 ? KeyRange{r.begin - block.j0, r.end - block.j0} : KeyRange{};
  }
  template <class F>
  void for_blocks(const F& f) const {
    for (size_t r = 0; r < all_.size(); ++r)
      for (int64_t j = all_[r].begin; j < all_[r].end; j += kKeys)
        f(Block{j, std::min(all_[r].end, j + kKeys), r});
  }
  /// The blocks within some keys. REQUIRES: those are kKeys at most.
  template <class F>
  void for_blocks(const KeyRange& keys, const F& f) const {
    for (size_t r = 0; r < all_.size(); ++r) {
      const KeyRange seen = all_[r].within(keys.begin, keys.end);
      if (seen.size() > 0) f(Block{seen.begin, seen.end, r});
    }
  }

 private:
  VisibleKeys visible_[kMostQueries];
  std::array<KeyRange, 3> all_;
};

/// The tiles of all sequences; sequences without documents of their own share them.
class Tiles {
 public:
  Tiles(Arena& arena, const AttentionSpec& spec);
  int64_t of_sequence() const { return count_; }
  const Tile& at(int64_t batch, int64_t index) const { return all_[batch * stride_ + index]; }

 private:
  int64_t count_, stride_;
  Tile* all_;
};

/// Whether the products of float32 scores may have keys laid out as suits them: their last bits
/// depend on it, and where a first pass over the scores decides what is clipped, the others must
/// find the very same scores.
inline bool may_lay_keys(const AttentionSpec& spec) {
  return spec.precision == Precision::float32 && !spec.normalizer->two_passes();
}
/// Rows [first, last) of a head's `numbers`, its keys or values, transposed into `to`, [D, last −
/// first] with rows `pitch` apart.
Keys lay_keys(const Head& h, const float* numbers, int64_t first, int64_t last, float* to,
              int64_t pitch);

/// Scores of a block into s [rows, keys], rows `pitch` apart.
void scores(const Head& h, const Tile& t, const Block& block, const Keys& keys, float* s,
            int64_t pitch);

/// Multiplies weights (or their gradients) of query i over keys j0 + [0, n) by 0 or 1/(1 − rate).
/// REQUIRES: n ≤ kKeys.
void drop(const Head& h, int64_t i, int64_t j0, float* row, int64_t n);
/// The same for the visible part of a block.
void drop(const Head& h, const Tile& t, const Block& block, float* a, int64_t pitch);

/// Scores of a block → weights a, 0 where hidden, given the final states of the tile's queries; a's
/// rows become `rounded`, where that is given. May work in place.
void weigh(const Head& h, const Tile& t, const Block& block, const float* s, float* a,
           int64_t pitch, const RowState* states, const Rounded& rounded = {});

/// The slot's score for query i.
float slot_score(const Head& h, int64_t i);

/// The gradient of attention: adds to those of qkv and of all parameters that `spec` names.
/// `states` [B, H, T]: the final state of every row.
void backward(Tape& tape, const BatchParts& parts, Variable qkv, Variable out,
              const AttentionSpec& spec, const Inputs& inputs, const Tiles& tiles,
              const RowState* states);

}  // namespace waiver::attention_tile
