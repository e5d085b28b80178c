#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "core/threads.h"

namespace waiver {

/// Which of a batch's sequences a pass holds: parts [first, first + count) of those that
/// BatchParts cuts `sequences` into, a subtree. A count of 0: all of a batch of its own.
struct BatchShare {
  int64_t sequences = 0, first = 0, count = 0;

  /// Where a part of the whole batch begins.
  int64_t sequence(int64_t part) const;
};

/// The N rows of a batch of sequences, cut for sums over all of them: into a power of two of parts,
/// at most kMost and at most one a sequence, which begin and end with sequences, and each part into
/// tiles of up to kRows rows. Every part is summed by itself, and their sums are added in a binary
/// tree, ((0 + 1) + (2 + 3)) + …: whoever holds the sequences of a subtree can sum them alone, to
/// the same bits. A batch of a single sequence has smaller tiles where it would else give work to
/// fewer than TileLoops::kMany threads.
class BatchParts {
 public:
  static constexpr int64_t kMost = 8, kRows = 64;

  /// How many parts a batch of so many sequences has.
  static int64_t count_of(int64_t sequences);

  /// `sequences` of equal length; rows that are no whole number of them count as one sequence.
  BatchParts(int64_t rows, int64_t sequences, const BatchShare& share = {});

  /// Of the parts that are here.
  int64_t count() const { return count_; }
  /// Of the whole batch. How work is cut depends on this alone.
  int64_t whole_count() const { return whole_count_; }
  int64_t whole_tiles() const { return whole_tiles_; }
  /// The first sequence and the first row of a part; those of part `count()` are the ends.
  int64_t sequence(int64_t part) const { return sequence_[part]; }
  int64_t row(int64_t part) const { return sequence(part) * length_; }

  int64_t tiles() const { return first_tile_[count_]; }
  /// The first tile of a part; that of part `count()` is the end.
  int64_t first_tile(int64_t part) const { return first_tile_[part]; }
  int64_t tile_rows() const { return tile_rows_; }
  struct Rows {
    int64_t begin, end;
    int64_t size() const { return end - begin; }
  };
  Rows tile(int64_t index) const;
  /// f(tile, begin, end) for every tile, on all threads.
  template <class F>
  void for_tiles(const F& f) const {
    parallel_tiles(tiles(), [&](int64_t index) {
      const Rows rows = tile(index);
      f(index, rows.begin, rows.end);
    });
  }

  /// Calls add(p, q), which adds what is kept for part q to what is kept for part p, until part 0
  /// has it all.
  template <class F>
  void tree(const F& add) const {
    for (int64_t step = 1; step < count_; step *= 2)
      for (int64_t part = 0; part < count_; part += 2 * step) add(part, part + step);
  }
  /// Σ value(n) over all rows.
  template <class F>
  double sum(const F& value) const {
    double sums[kMost] = {};
    for (int64_t part = 0; part < count_; ++part)
      for (int64_t n = row(part); n < row(part + 1); ++n) sums[part] += value(n);
    tree([&](int64_t p, int64_t q) { sums[p] += sums[q]; });
    return sums[0];
  }
  /// to[c] += Σ of the tiles' rows of sums [tiles, C], which are overwritten.
  void add_tiles(const Tensor& sums, int64_t first, int64_t count, float* to) const;

 private:
  int64_t length_, count_, whole_count_, whole_tiles_ = 0, tile_rows_ = kRows;
  int64_t sequence_[kMost + 1] = {};
  int64_t first_tile_[kMost + 1] = {};
};

}  // namespace waiver
