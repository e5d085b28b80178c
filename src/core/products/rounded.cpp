#include "core/rounded.h"

#include "core/gemm.h"
#include "core/threads.h"

namespace waiver {
namespace {

bool as_halves() { return bfloat16_unit() != Bfloat16Unit::none; }

}  // namespace

Rounded::Rounded(Arena& arena, const Tensor& from, Precision precision)
    : from_(from.data), columns_(from.dim(1)), from_stride_(from.stride()) {
  if (precision == Precision::float32) {
    to_ = waiver::operand(from.data, from.stride());
    return;
  }
  take(arena, from.dim(0));
}

Rounded::Rounded(Arena& arena, int64_t rows, int64_t columns) : columns_(columns) {
  take(arena, rows);
}

void Rounded::take(Arena& arena, int64_t rows) {
  if (as_halves()) {
    const int64_t stride = fast_pitch(columns_);
    halves_ = arena.array<bfloat16>(Shape{rows, stride}.size());
    to_ = {nullptr, halves_, stride};
  } else {
    const Tensor copy = arena.matrix(rows, columns_);
    floats_ = copy.data;
    to_ = waiver::operand(floats_, copy.stride());
  }
}

Rounded::Rounded(Scratch& memory, const float* from, int64_t rows, int64_t columns, int64_t stride,
                 Precision precision)
    : from_(from), columns_(columns), from_stride_(stride) {
  if (precision == Precision::float32) {
    to_ = waiver::operand(from, stride);
    return;
  }
  const int64_t pitch = fast_pitch(columns);
  if (as_halves()) {
    halves_ = memory.array<bfloat16>(rows * pitch);
    to_ = {nullptr, halves_, pitch};
  } else {
    floats_ = memory.floats(rows * pitch);
    to_ = waiver::operand(floats_, pitch);
  }
}

void Rounded::fill(int64_t begin, int64_t end, int64_t first, int64_t last) const {
  for (int64_t r = begin; *this && r < end; ++r)
    put(r, first, from_ + r * from_stride_ + first, last - first);
}

void Rounded::put(int64_t row, int64_t column, const float* from, int64_t n) const {
  const int64_t at = row * to_.stride + column;
  if (halves_) {
    bfloat16* to = halves_ + at;
#pragma omp simd
    for (int64_t c = 0; c < n; ++c) to[c] = to_bfloat16(from[c]);
  } else {
    float* to = floats_ + at;
#pragma omp simd
    for (int64_t c = 0; c < n; ++c) to[c] = static_cast<float>(to_bfloat16(from[c]));
  }
}

Operand rounded(Arena& arena, const Tensor& from, Precision precision) {
  const Rounded out(arena, from, precision);
  if (precision != Precision::float32)
    parallel_ranges(from.dim(0), 64, [&](int64_t begin, int64_t end) { out.fill(begin, end); });
  return out.all();
}

}  // namespace waiver
