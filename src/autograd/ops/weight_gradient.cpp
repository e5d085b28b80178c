#include "autograd/ops/weight_gradient.h"

#include <algorithm>

#include "core/products/gemm.h"
#include "core/products/rounded.h"
#include "core/scratch.h"

namespace waiver {
namespace {

// How dW is cut: large tiles repack least, but there should be TileLoops::kMany tasks, which are
// tiles of dW for each of `groups` groups of the whole batch's parts. A single sequence, which is
// one part, falls into groups of at least 256 rows; but rather into smaller tiles, which take no
// memory.
struct Cut {
  int64_t rows, columns, groups = 1;

  Cut(const Tensor& dw, const BatchParts& parts)
      : rows(std::min<int64_t>(256, dw.dim(0))), columns(std::min<int64_t>(512, dw.dim(1))) {
    const bool single = parts.whole_count() == 1;
    const int64_t most = single ? parts.row(1) / 512 + 1 : parts.whole_count();
    while (groups * tiles(dw) < TileLoops::kMany)
      if (!(single && shrink(128)) && !split(most) && !shrink(64)) break;
    groups = std::max<int64_t>(1, groups * parts.count() / parts.whole_count());
  }
  // Where each side is laid out for the unit: the tiles beside each other may share a left-hand
  // side of `depth` rows, and are best tall and narrow then. False where that would lay out more.
  bool share_left(const Tensor& dw, int64_t depth) {
    Cut shared = *this;
    shared.rows = std::min(dw.dim(0), std::max(kPanel, LaidLeft::kMost / depth / kPanel * kPanel));
    shared.columns = 512;
    while (shared.columns > kPanel && groups * shared.tiles(dw) < TileLoops::kMany)
      shared.columns -= kPanel;
    if (shared.laid(dw, 1) >= laid(dw, across(dw))) return false;
    *this = shared;
    return true;
  }
  int64_t across(const Tensor& dw) const { return (dw.dim(1) + columns - 1) / columns; }
  int64_t tiles(const Tensor& dw) const { return down(dw) * across(dw); }

 private:
  int64_t down(const Tensor& dw) const { return (dw.dim(0) + rows - 1) / rows; }
  // Numbers that are laid out for a row of the batch, those of the left, each `lefts` times, also
  // transposed, which takes as long again.
  int64_t laid(const Tensor& dw, int64_t lefts) const {
    return 2 * lefts * dw.dim(0) + down(dw) * dw.dim(1);
  }
  bool split(int64_t most) {
    if (groups >= most) return false;
    groups *= 2;
    return true;
  }
  // Halves the longer side of a tile, to whole vectors; false where it is at its least.
  bool shrink(int64_t least) {
    int64_t& side = columns > least && columns >= rows ? columns : rows;
    if (side <= least) return false;
    side = (side / 2 + 15) / 16 * 16;
    return true;
  }
};

// The runs of rows whose sums are added in a binary tree: the parts or, of a single sequence, its
// groups.
struct Runs {
  const BatchParts& parts;
  int64_t groups;

  int64_t count() const { return std::max(parts.count(), groups); }
  int64_t row(int64_t run) const {
    return parts.count() > 1 ? parts.row(run) : parts.row(1) * run / groups;
  }
  int64_t of_group() const { return count() / groups; }
  int64_t rows(int64_t run) const { return row(run + 1) - row(run); }
  int64_t longest() const {
    int64_t most = 1;
    for (int64_t r = 0; r < count(); ++r) most = std::max(most, rows(r));
    return most;
  }
};

struct Product {
  Operand left, right;
  const Runs& runs;
  int64_t row, column, rows, columns;       // of the tile of dW
  int64_t left_begin = 0, right_begin = 0;  // the row and the column of dW with which these begin
  int64_t left_row = 0;                     // and the left-hand side's first row

  int64_t at(const Tensor& dw) const { return row * dw.dim(1) + column; }
  // For run r alone from now on.
  void lay_left(LaidLeft& laid, int64_t r) {
    const int64_t n = runs.row(r);
    left = laid.of(left.at(n, row), runs.rows(r), rows);
    left_begin = row;
    left_row = n;
  }
  void run(int64_t r, float beta, float* to, int64_t stride) const {
    const int64_t n = runs.row(r);
    gemm(Op::transposed, Op::plain, rows, columns, runs.rows(r), 1.0f,
         left.at(n - left_row, row - left_begin), right.at(n, column - right_begin), beta, to,
         stride);
  }
  // to = the sum of runs [begin, end), a subtree.
  void sum(int64_t begin, int64_t end, float* to, int64_t stride) const {
    if (end - begin == 1) return run(begin, 0.0f, to, stride);
    const int64_t middle = (begin + end) / 2;
    sum(begin, middle, to, stride);
    Scratch memory;
    float* other = memory.floats(rows * columns);
    sum(middle, end, other, columns);
    add_tile(other, to, stride);
  }
  // to += the sum of all runs.
  void add(float* to, int64_t stride) const {
    Scratch memory;
    float* all = memory.floats(rows * columns);
    sum(0, runs.count(), all, columns);
    add_tile(all, to, stride);
  }
  void add_tile(const float* from, float* to, int64_t stride) const {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) to[r * stride + c] += from[r * columns + c];
  }
};

// The product that gives a tile of dW.
Product product_of(const Cut& cut, const Tensor& dw, int64_t tile, const Operand& left,
                   const Operand& right, const Runs& runs) {
  const int64_t across = cut.across(dw);
  const int64_t row = tile / across * cut.rows, column = tile % across * cut.columns;
  return {left,
          right,
          runs,
          row,
          column,
          std::min(cut.rows, dw.dim(0) - row),
          std::min(cut.columns, dw.dim(1) - column)};
}

// dw += the tree of its groups' sums [groups, numbers of dw].
void add_groups(float* sums, int64_t groups, const Tensor& dw) {
  const int64_t numbers = dw.size();
  parallel_ranges(numbers, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t step = 1; step < groups; step *= 2)
      for (int64_t g = 0; g < groups; g += 2 * step) {
        float *a = sums + g * numbers, *b = a + step * numbers;
        for (int64_t i = begin; i < end; ++i) a[i] += b[i];
      }
    for (int64_t i = begin; i < end; ++i) dw.data[i] += sums[i];
  });
}

}  // namespace

void add_weight_gradient(const Operand& left, const Operand& right, const BatchParts& parts,
                         const Tensor& dw) {
  Cut cut(dw, parts);
  const Runs runs{parts, cut.groups};
  const bool shares =
      runs.of_group() == 1 && LaidLeft::pays(left) && cut.share_left(dw, runs.longest());
  const int64_t tiles = cut.tiles(dw);
  Scratch memory;
  float* sums = cut.groups > 1 ? memory.floats(cut.groups * dw.size()) : nullptr;
  parallel_tiles_with<LaidLeft>(cut.groups * tiles, [&](int64_t task, LaidLeft& laid) {
    const int64_t group = task / tiles, first = group * runs.of_group();
    Product product = product_of(cut, dw, task % tiles, left, right, runs);
    if (shares) product.lay_left(laid, first);
    if (sums)
      product.sum(first, first + runs.of_group(), sums + group * dw.size() + product.at(dw),
                  dw.dim(1));
    else
      product.add(dw.data + product.at(dw), dw.dim(1));
  });
  if (sums) add_groups(sums, cut.groups, dw);
}

bool weight_gradient_comes_in_windows(const Tensor& dw, const BatchParts& parts) {
  return Cut(dw, parts).groups == 1;
}

void add_weight_gradient_window(const Operand& left, const Operand& right, const BatchParts& parts,
                                const Tensor& dw, const GradientWindow& window) {
  const Cut cut(dw, parts);
  const Runs runs{parts, 1};
  parallel_tiles(cut.tiles(dw), [&](int64_t tile) {
    Product product = product_of(cut, dw, tile, left, right, runs);
    const int64_t at = window.of_rows ? product.row : product.column;
    if (at < window.first || at >= window.last) return;
    (window.of_rows ? product.left_begin : product.right_begin) = window.first;
    product.add(dw.data + product.at(dw), dw.dim(1));
  });
}

}  // namespace waiver
