#include "autograd/ops/weight_gradient.h"

#include <algorithm>

#include "core/gemm.h"
#include "core/scratch.h"

namespace waiver {
namespace {

// How dW is cut: large tiles repack least, but there should be TileLoops::kMany tasks, which are
// tiles of dW for each of `groups` groups of parts.
struct Cut {
  int64_t rows = 256, columns = 512, groups = 1;

  int64_t tiles(const Tensor& dw) const {
    return ((dw.dim(0) + rows - 1) / rows) * ((dw.dim(1) + columns - 1) / columns);
  }
};

// Half of n, rounded up to whole vectors.
int64_t half(int64_t n) { return (n / 2 + 15) / 16 * 16; }

Cut cut_of(const Tensor& dw, int64_t parts) {
  constexpr int64_t least = 64;
  Cut cut{std::min<int64_t>(256, dw.dim(0)), std::min<int64_t>(512, dw.dim(1))};
  while (cut.groups * cut.tiles(dw) < TileLoops::kMany) {
    if (cut.groups < parts)
      cut.groups *= 2;
    else if (cut.columns > least && cut.columns >= cut.rows)
      cut.columns = half(cut.columns);
    else if (cut.rows > least)
      cut.rows = half(cut.rows);
    else
      break;
  }
  return cut;
}

struct Product {
  const Operand &left, &right;
  const BatchParts& parts;
  int64_t row, column, rows, columns;  // of the tile of dW

  void part(int64_t p, float beta, float* to, int64_t stride) const {
    const int64_t n = parts.row(p);
    gemm(Op::transposed, Op::plain, rows, columns, parts.row(p + 1) - n, 1.0f, left.at(n, row),
         right.at(n, column), beta, to, stride);
  }
  // to = the sum of parts [begin, end), a subtree.
  void sum(int64_t begin, int64_t end, float* to, int64_t stride) const {
    if (end - begin == 1) return part(begin, 0.0f, to, stride);
    const int64_t middle = (begin + end) / 2;
    sum(begin, middle, to, stride);
    Scratch memory;
    float* other = memory.floats(rows * columns);
    sum(middle, end, other, columns);
    add_tile(other, to, stride);
  }
  // to += the sum of all parts.
  void add(float* to, int64_t stride) const {
    if (parts.count() == 1) return part(0, 1.0f, to, stride);
    Scratch memory;
    float* all = memory.floats(rows * columns);
    sum(0, parts.count(), all, columns);
    add_tile(all, to, stride);
  }
  void add_tile(const float* from, float* to, int64_t stride) const {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) to[r * stride + c] += from[r * columns + c];
  }
};

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
  const Cut cut = cut_of(dw, parts.count());
  const int64_t tiles = cut.tiles(dw), across = (dw.dim(1) + cut.columns - 1) / cut.columns;
  const int64_t of_group = parts.count() / cut.groups;
  Scratch memory;
  float* sums = cut.groups > 1 ? memory.floats(cut.groups * dw.size()) : nullptr;
  parallel_tiles(cut.groups * tiles, [&](int64_t task) {
    const int64_t first = task / tiles * of_group, tile = task % tiles;
    const int64_t row = tile / across * cut.rows, column = tile % across * cut.columns;
    const Product product{left,
                          right,
                          parts,
                          row,
                          column,
                          std::min(cut.rows, dw.dim(0) - row),
                          std::min(cut.columns, dw.dim(1) - column)};
    float* to = (sums ? sums + task / tiles * dw.size() : dw.data) + row * dw.dim(1) + column;
    if (sums)
      product.sum(first, first + of_group, to, dw.dim(1));
    else
      product.add(to, dw.dim(1));
  });
  if (sums) add_groups(sums, cut.groups, dw);
}

}  // namespace waiver
