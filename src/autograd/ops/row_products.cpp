#include "autograd/ops/row_products.h"

#include <bit>
#include <cstring>

#include "core/products/rounded.h"
#include "core/transpose.h"

namespace waiver {
namespace {

// Wᵀ. A product with a transposed right-hand side runs at about four fifths of the speed of a plain
// one, and transposing the weights once per step costs next to nothing.
Tensor transposed(Arena& arena, const Tensor& w) {
  const int64_t rows = w.dim(0), columns = w.dim(1);
  Tensor out = arena.matrix(columns, rows);
  parallel_ranges(columns, 32, [&](int64_t begin, int64_t end) {
    transpose(w.data + begin, w.stride(), rows, end - begin, out.row(begin), out.stride());
  });
  return out;
}

// W with rows spaced as suits products.
Tensor spread(Arena& arena, const Tensor& w) {
  if (fast_pitch(w.dim(1)) == w.dim(1)) return w;
  Tensor out = arena.matrix(w.dim(0), w.dim(1));
  parallel_ranges(w.dim(0), 32, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      std::memcpy(out.row(r), w.row(r), w.dim(1) * sizeof(float));
  });
  return out;
}

Right right_of(const Tensor& w, const Operand& matrix, Op op, bool as_is) {
  return {matrix, op, w.dim(as_is ? 0 : 1), w.dim(as_is ? 1 : 0)};
}

}  // namespace

Right right_side(Arena& arena, const Tensor& w, bool as_is, Precision precision) {
  if (precision == Precision::bfloat16 && bfloat16_unit() == Bfloat16Unit::amx)
    return right_of(w, in_panels(arena, w, as_is), Op::plain, as_is);
  const Operand all = rounded(arena, w, precision);
  if (all.halves) return right_of(w, all, as_is ? Op::plain : Op::transposed, as_is);
  const Tensor numbers{const_cast<float*>(all.floats), w.shape, all.stride};
  const Tensor laid = as_is ? spread(arena, numbers) : transposed(arena, numbers);
  return right_of(w, operand(laid.data, laid.stride()), Op::plain, as_is);
}

Right other_side(Arena& arena, const Tensor& w, const Right& forward, bool as_is,
                 Precision precision) {
  if (forward.matrix.halves && !forward.matrix.panels)
    return right_of(w, forward.matrix, as_is ? Op::transposed : Op::plain, !as_is);
  return right_side(arena, w, !as_is, precision);
}

RowCut::RowCut(const BatchParts& parts, const Right& b)
    : parts_(parts),
      inner_(b.inner),
      columns_(b.columns),
      of_group_((b.matrix.halves && !b.matrix.panels ? 128 : 64) / parts.tile_rows()) {
  // Numbers of B that a task and those beside it read: panels stay in a second cache of 2 MiB.
  const int64_t most = b.matrix.panels ? 1 << 19 : 1 << 20;
  const int64_t narrowest = (columns_ + 63) / 64;  // tasks across
  const int64_t tiles = parts.whole_tiles();
  while (of_group_ > 1 && tiles / of_group_ * narrowest < TileLoops::kMany) of_group_ /= 2;
  for (int64_t part = 0; part < parts.count(); ++part)
    first_group_[part + 1] =
        first_group_[part] +
        (parts.first_tile(part + 1) - parts.first_tile(part) + of_group_ - 1) / of_group_;
  depth_ = std::min(inner_, kDeepest);
  const int64_t groups = std::max<int64_t>(1, (tiles + of_group_ - 1) / of_group_);
  const int64_t pieces =
      std::max((TileLoops::kMany + groups - 1) / groups, (depth_ * columns_ + most - 1) / most);
  width_ = std::max<int64_t>(64, ((columns_ + pieces - 1) / pieces + 63) / 64 * 64);
  if (columns_ > kDeepest)
    width_ =
        std::min(kDeepest, static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(width_))));
  across_ = (columns_ + width_ - 1) / width_;
}

int64_t RowCut::group_begin(int64_t group) const {
  return group == groups() ? parts_.row(parts_.count()) : task(group).begin;
}

RowCut::Task RowCut::task(int64_t index) const {
  Task t{};
  const int64_t group = index % groups();
  int64_t part = 0;
  while (group >= first_group_[part + 1]) ++part;
  t.tile = parts_.first_tile(part) + (group - first_group_[part]) * of_group_;
  t.tile_end = std::min(parts_.first_tile(part + 1), t.tile + of_group_);
  t.begin = parts_.tile(t.tile).begin;
  t.end = parts_.tile(t.tile_end - 1).end;
  t.first = index / groups() * width_;
  t.last = std::min(columns_, t.first + width_);
  return t;
}

void add_bias(const Part& part, const float* bias) {
  for (int64_t n = part.begin; bias && n < part.end; ++n)
    for (int64_t c = 0; c < part.width(); ++c) part.row(n)[c] += bias[part.first + c];
}

void sum_rows(const Part& part, float* sums) {
  float* to = sums + part.first;
  std::fill_n(to, part.width(), 0.0f);
  for (int64_t n = part.begin; n < part.end; ++n) {
    const float* row = part.row(n);
    for (int64_t c = 0; c < part.width(); ++c) to[c] += row[c];
  }
}

}  // namespace waiver
