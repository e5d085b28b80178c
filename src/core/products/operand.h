#pragma once

#include <cstdint>

#include "core/bfloat16.h"

namespace waiver {

/// What the inputs of matrix products are. Their sums are float32 in either case.
enum class Precision { float32, bfloat16 };

/// `x` as an input of a product.
inline float as_input(float x, Precision precision) {
  return precision == Precision::float32 ? x : static_cast<float>(to_bfloat16(x));
}

enum class Op { plain, transposed };

constexpr int64_t kPanel = 32;  // columns of a panel

/// A matrix as an input of products (gemm.h), row-major. Numbers rounded to bfloat16 take 16 bits
/// where this machine has a unit for such products, and are kept as float32 where it does not. For
/// AMX they may lie in panels (amx.h), which are divided at multiples of 32 only.
struct Operand {
  const float* floats = nullptr;     // either these
  const bfloat16* halves = nullptr;  // or these
  int64_t stride = 0;                // numbers from one row, or panel, to the next
  bool panels = false;

  Operand at(int64_t row, int64_t column) const {
    const int64_t i = panels ? column / kPanel * stride + row * kPanel : row * stride + column;
    return {floats ? floats + i : nullptr, halves ? halves + i : nullptr, stride, panels};
  }
};

/// The numbers themselves, unrounded.
inline Operand operand(const float* numbers, int64_t stride) { return {numbers, nullptr, stride}; }

}  // namespace waiver
