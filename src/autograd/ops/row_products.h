#pragma once

#include <algorithm>
#include <type_traits>

#include "autograd/tape.h"
#include "core/products/gemm.h"
#include "core/scratch.h"
#include "core/threads.h"

// Products C = A B of the rows of a batch, A [N, inner] and B [inner, columns], for ops that have
// something to do with the rows of C while they are in cache.

namespace waiver {

/// The right-hand side of a product of rows, [inner, columns] where `op` is plain.
struct Right {
  Operand matrix;
  Op op;
  int64_t inner, columns;

  Operand at(int64_t row, int64_t column) const {
    return op == Op::plain ? matrix.at(row, column) : matrix.at(column, row);
  }
};

/// W where `as_is`, or else Wᵀ. Float32 numbers are laid out as suits products, and bfloat16
/// numbers where the unit is AMX; otherwise it makes no difference to those.
Right right_side(Arena& arena, const Tensor& w, bool as_is, Precision precision);
/// The other of the two, for backward.
Right other_side(Arena& arena, const Tensor& w, const Right& forward, bool as_is,
                 Precision precision);

/// Rows [begin, end) and columns [first, last) of C.
struct Part {
  int64_t begin, end, first, last;
  float* numbers;
  int64_t stride;

  int64_t width() const { return last - first; }
  /// Row n from column `first` on.
  float* row(int64_t n) const { return numbers + (n - begin) * stride; }
};

/// How C is cut into tasks: some tiles of rows, and all columns or, for few rows or a large B,
/// some; a long sum into pieces. AVX-512-BF16 wants 128 rows at a time, since each product lays out
/// B anew. For AMX that is done once: found there, 64 rows of a wide C are written twice as fast as
/// 128.
class RowCut {
 public:
  /// Rows of B in a piece of a long sum. Where C has more columns, those of a task divide it.
  static constexpr int64_t kDeepest = 4096;

  RowCut(const BatchParts& parts, const Right& b);

  struct Task {
    int64_t tile, tile_end, begin, end, first, last;  // its tiles, their rows, its columns
    int64_t rows() const { return end - begin; }
    int64_t columns() const { return last - first; }
  };
  int64_t tasks() const { return groups() * across_; }
  Task task(int64_t index) const;
  /// f(tile, begin, end) for the tiles of a task.
  template <class F>
  void for_tiles(const Task& task, const F& f) const {
    for (int64_t tile = task.tile; tile < task.tile_end; ++tile)
      f(tile, parts_.tile(tile).begin, parts_.tile(tile).end);
  }

  /// f(k, length) for every piece of the sum.
  template <class F>
  void for_pieces(const F& f) const {
    for (int64_t k = 0; k < inner_; k += depth_) f(k, std::min(depth_, inner_ - k));
  }
  /// Where the rows of a group of tasks begin; of group `groups()` that is the end of all.
  int64_t group_begin(int64_t group) const;
  int64_t groups() const { return first_group_[parts_.count()]; }
  bool last(int64_t k) const { return k + depth_ >= inner_; }
  /// Whether one task has all columns of its rows at once.
  bool whole() const { return across_ == 1 && depth_ == inner_; }

 private:
  BatchParts parts_;
  int64_t inner_, columns_, depth_, width_, of_group_, across_;
  int64_t first_group_[BatchParts::kMost + 1] = {};  // of each part: groups end with parts
};

/// For products whose op has nothing to do before or after them.
struct Nothing {
  void operator()(auto&&...) const {}
};

/// C = A B + beta · C. Where one task has all the columns of its rows, it calls before(tile, begin,
/// end) for their tiles first; otherwise that is done before everything. after(tile, part) is
/// called for what is finished.
template <class F, class G>
void multiply(const BatchParts& parts, const Operand& a, const Right& b, float beta,
              const Tensor& c, const F& before, const G& after) {
  const RowCut cut(parts, b);
  if (!cut.whole() && !std::is_same_v<F, Nothing>) parts.for_tiles(before);
  // A piece of B, which the tasks share, stays in cache meanwhile.
  cut.for_pieces([&](int64_t k, int64_t length) {
    parallel_tiles(cut.tasks(), [&](int64_t index) {
      const RowCut::Task t = cut.task(index);
      if (cut.whole()) cut.for_tiles(t, before);
      gemm(Op::plain, b.op, t.rows(), t.columns(), length, 1.0f, a.at(t.begin, k), b.at(k, t.first),
           k == 0 ? beta : 1.0f, c.row(t.begin) + t.first, c.stride());
      if (!cut.last(k)) return;
      cut.for_tiles(t, [&](int64_t tile, int64_t begin, int64_t end) {
        after(tile, Part{begin, end, t.first, t.last, c.row(begin) + t.first, c.stride()});
      });
    });
  });
}

/// A rectangle of C: rows [begin, end), between groups of tasks, and columns [first, last), between
/// multiples of RowCut::kDeepest or the ends.
struct Window {
  int64_t begin, end, first, last;
};

/// The window of C = A B, to the bits of the whole product; c holds the window alone.
template <class G>
void multiply_window(const BatchParts& parts, const Operand& a, const Right& b,
                     const Window& window, const Tensor& c, const G& after) {
  const RowCut cut(parts, b);
  cut.for_pieces([&](int64_t k, int64_t length) {
    parallel_tiles(cut.tasks(), [&](int64_t index) {
      const RowCut::Task t = cut.task(index);
      if (t.begin < window.begin || t.begin >= window.end || t.first < window.first ||
          t.first >= window.last)
        return;
      const auto at = [&](int64_t row) {
        return c.row(row - window.begin) + t.first - window.first;
      };
      gemm(Op::plain, b.op, t.rows(), t.columns(), length, 1.0f, a.at(t.begin, k), b.at(k, t.first),
           k == 0 ? 0.0f : 1.0f, at(t.begin), c.stride());
      if (!cut.last(k)) return;
      cut.for_tiles(t, [&](int64_t tile, int64_t begin, int64_t end) {
        after(tile, Part{begin, end, t.first, t.last, at(begin), c.stride()});
      });
    });
  });
}

/// Adds to C = A B what columns [first, last) of A and as many rows of B contribute, which begin at
/// a multiple of RowCut::kDeepest: the pieces in order give the bits of the whole product. `a`
/// holds those columns alone; with beta 0 C is set by the first of them.
inline void multiply_pieces(const BatchParts& parts, const Operand& a, const Right& b,
                            int64_t first, int64_t last, float beta, const Tensor& c) {
  const RowCut cut(parts, b);
  cut.for_pieces([&](int64_t k, int64_t length) {
    if (k < first || k >= last) return;
    parallel_tiles(cut.tasks(), [&](int64_t index) {
      const RowCut::Task t = cut.task(index);
      gemm(Op::plain, b.op, t.rows(), t.columns(), length, 1.0f, a.at(t.begin, k - first),
           b.at(k, t.first), k == 0 ? beta : 1.0f, c.row(t.begin) + t.first, c.stride());
    });
  });
}

/// C = A B, of which only what `after` makes of its parts is kept.
template <class F, class G>
void multiply_and_drop(const BatchParts& parts, const Operand& a, const Right& b, const F& before,
                       const G& after) {
  constexpr int64_t width = 256;  // of a part; at most, with 128 rows, 128 KiB of the cache
  const RowCut cut(parts, b);
  if (!cut.whole() && !std::is_same_v<F, Nothing>) parts.for_tiles(before);
  parallel_tiles(cut.tasks(), [&](int64_t index) {
    const RowCut::Task t = cut.task(index);
    if (cut.whole()) cut.for_tiles(t, before);
    for (int64_t first = t.first; first < t.last; first += width) {
      const int64_t n = std::min(width, t.last - first), stride = fast_pitch(n);
      Scratch memory;
      float* c = memory.floats(t.rows() * stride);
      cut.for_pieces([&](int64_t k, int64_t length) {
        gemm(Op::plain, b.op, t.rows(), n, length, 1.0f, a.at(t.begin, k), b.at(k, first),
             k == 0 ? 0.0f : 1.0f, c, stride);
      });
      cut.for_tiles(t, [&](int64_t tile, int64_t begin, int64_t end) {
        after(tile, Part{begin, end, first, first + n, c + (begin - t.begin) * stride, stride});
      });
    }
  });
}

/// Adds bias[first … last) to every row of a part; null: nothing.
void add_bias(const Part& part, const float* bias);
/// Memory for the gradient of a bias, a row of sums for each tile; empty where none is wanted.
inline Tensor tile_sums(Arena& arena, const BatchParts& parts, const Variable& bias) {
  return bias.wants_grad() ? arena.tensor({parts.tiles(), bias.shape()[0]}) : Tensor{};
}
/// Σ over the rows of a part, column by column, into sums[first … last).
void sum_rows(const Part& part, float* sums);
/// The same over rows [begin, end) of a matrix.
inline void sum_rows(const Tensor& from, int64_t begin, int64_t end, float* sums) {
  sum_rows({begin, end, 0, from.dim(1), from.row(begin), from.stride()}, sums);
}

}  // namespace waiver
