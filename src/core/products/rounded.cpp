#include "core/products/rounded.h"

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstring>

#include "core/products/amx.h"
#include "core/products/gemm.h"
#include "core/threads.h"

namespace waiver {
namespace {

// The processor's own rounding takes subnormal numbers for 0, as do its units for products.
void round(const float* from, int64_t n, bfloat16* to) {
#ifdef __AVX512BF16__
  int64_t c = 0;
  for (; c + 32 <= n; c += 32) {
    const auto rounded =
        _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + c + 16), _mm512_loadu_ps(from + c));
    std::memcpy(to + c, &rounded, sizeof rounded);
  }
  for (; c < n; c += 16) {
    const auto these = static_cast<__mmask16>((1u << std::min<int64_t>(16, n - c)) - 1);
    const auto rounded = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(these, from + c));
    _mm256_mask_storeu_epi16(to + c, these, reinterpret_cast<const __m256i&>(rounded));
  }
#else
#pragma omp simd
  for (int64_t c = 0; c < n; ++c) to[c] = to_bfloat16(from[c]);
#endif
}

// Rows of halves, too, are padded by 64 bytes.
int64_t pitch_of_halves(int64_t columns) {
  return fast_pitch(columns) == columns ? columns : columns + kPanel;
}

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
    const int64_t stride = pitch_of_halves(columns_);
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
  const int64_t pitch = as_halves() ? pitch_of_halves(columns) : fast_pitch(columns);
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
    round(from, n, halves_ + at);
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

Operand in_panels(Arena& arena, const Tensor& w, bool as_is) {
  const int64_t rows = w.dim(as_is ? 0 : 1), columns = w.dim(as_is ? 1 : 0);
  const int64_t stride = amx::panel_stride(rows), steps = amx::up_to_panels(rows) / kPanel,
                panels = amx::up_to_panels(columns) / kPanel;
  bfloat16* numbers = arena.array<bfloat16>(panels * stride);
  parallel_ranges(panels * steps, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      alignas(64) bfloat16 square[kPanel * kPanel];
      // Along the rows of W.
      const int64_t r = (as_is ? i / panels : i % steps) * kPanel,
                    c = (as_is ? i % panels : i / steps) * kPanel,
                    high = std::min(kPanel, rows - r), wide = std::min(kPanel, columns - c);
      for (int64_t k = 0; k < (as_is ? high : wide); ++k)
        round(w.row((as_is ? r : c) + k) + (as_is ? c : r), as_is ? wide : high,
              square + k * kPanel);
      amx::lay_out(as_is ? Op::plain : Op::transposed, square, kPanel, high, wide,
                   numbers + c / kPanel * stride + r * kPanel);
    }
  });
  return {nullptr, numbers, stride, true};
}

bool LaidLeft::pays(const Operand& a) {
  return a.halves && !a.panels && bfloat16_unit() == Bfloat16Unit::amx;
}

Operand LaidLeft::of(const Operand& a, int64_t k, int64_t m) {
  const int64_t stride = amx::panel_stride(k), size = amx::up_to_panels(m) / kPanel * stride;
  if (size > size_) numbers_ = memory_.array<bfloat16>(size_ = size);
  if (a.halves != from_) amx::lay_out_left(a.halves, a.stride, k, m, numbers_);
  from_ = a.halves;
  return {nullptr, numbers_, stride, true};
}

}  // namespace waiver
