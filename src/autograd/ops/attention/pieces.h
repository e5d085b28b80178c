#pragma once

#include <algorithm>

#include "autograd/gradient.h"
#include "autograd/ops/attention/tile.h"
#include "core/rehearsal.h"
#include "core/scratch.h"
#include "core/threads.h"

namespace waiver::attention_tile {

/// Adds nothing to a head's columns of q, k or v, from `column` on, in rows [begin, end) of its
/// sequence.
inline void skip(const Head& h, const Gradient& dqkv, int64_t column, int64_t begin, int64_t end) {
  for (int64_t t = begin; t < end; ++t)
    dqkv.row(h.batch * h.T + t).from(column + h.head * h.D).skip(h.D);
}

/// How backward cuts the keys of a head so that there is work for many threads. Each piece has the
/// gradients of its own keys, and of all queries a part, which are added up here, piece by piece.
class Pieces {
 public:
  /// D channels of a head; `tiles` of queries of a sequence.
  Pieces(const AttentionSpec& spec, int64_t D, int64_t tiles)
      : heads_(spec.batch * spec.heads),
        T_(spec.tokens),
        D_(D),
        tiles_(tiles),
        queries_(queries_of_tile(spec)) {
    while (count_ * spec.heads_of_batch() < TileLoops::kMany && 2 * count_ <= tiles) count_ *= 2;
    if (count_ == 1) return;
    dq_ = memory_.floats(tasks() * T_ * D);
    started_ = memory_.array<bool>(tasks() * tiles);
    if (!rehearsing()) std::fill_n(started_, tasks() * tiles, false);
  }

  int64_t count() const { return count_; }
  int64_t tasks() const { return count_ * heads_; }
  int64_t length() const { return (tiles_ + count_ - 1) / count_ * queries_; }
  KeyRange keys(int64_t piece) const {
    return {std::min(T_, piece * length()), std::min(T_, (piece + 1) * length())};
  }
  /// A task's part of the gradients of queries, [T, D], and which tiles of it there are. REQUIRES:
  /// more than one piece.
  Tensor dq(int64_t task) const { return {dq_ + task * T_ * D_, {T_, D_}}; }
  bool* started(int64_t task) const { return started_ + task * tiles_; }

  /// dq of a tile's queries; task = piece · B·H + head.
  void add_up(const Head& h, const Tile& t, const Gradient& dqkv) const {
    skip(h, dqkv, 0, t.i0, t.i1);
    for (int64_t task = h.index; task < tasks(); task += heads_) {
      if (!started(task)[t.index]) continue;
      for (int64_t i = t.i0; i < t.i1; ++i) {
        float* to = h.out(dqkv.tensor(), i);
        const float* from = dq(task).row(i);
        for (int64_t d = 0; d < D_; ++d) to[d] += from[d];
      }
    }
  }

 private:
  Scratch memory_;
  int64_t heads_, T_, D_, tiles_, queries_, count_ = 1;
  float* dq_ = nullptr;
  bool* started_ = nullptr;
};

}  // namespace waiver::attention_tile
