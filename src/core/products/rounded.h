#pragma once

#include <cstdint>

#include "core/arena.h"
#include "core/products/operand.h"
#include "core/scratch.h"
#include "core/tensor.h"

namespace waiver {

/// A matrix in a form for products: in float32 the matrix itself, in bfloat16 a copy, whose rows
/// `fill` rounds. A tile fills the rows that it has just computed.
class Rounded {
 public:
  Rounded() = default;
  /// The copy lies in the arena; its rows are padded to fast_pitch.
  Rounded(Arena& arena, const Tensor& from, Precision precision);
  /// The same for a tile's `rows` rows of `columns` numbers, `stride` apart.
  Rounded(Scratch& memory, const float* from, int64_t rows, int64_t columns, int64_t stride,
          Precision precision);
  /// A copy in bfloat16 of numbers that are nowhere else: `put` rounds them, there is nothing to
  /// `fill` it from.
  Rounded(Arena& arena, int64_t rows, int64_t columns);

  /// Whether there is a copy to be filled.
  explicit operator bool() const { return floats_ || halves_; }
  /// Rounds rows [begin, end).
  void fill(int64_t begin, int64_t end) const { fill(begin, end, 0, columns_); }
  /// Their columns [first, last).
  void fill(int64_t begin, int64_t end, int64_t first, int64_t last) const;
  /// Rounds n numbers of a row. REQUIRES: there is a copy.
  void put(int64_t row, int64_t column, const float* from, int64_t n) const;
  const Operand& all() const { return to_; }
  Operand at(int64_t row, int64_t column) const { return to_.at(row, column); }

 private:
  void take(Arena& arena, int64_t rows);

  const float* from_ = nullptr;
  int64_t columns_ = 0, from_stride_ = 0;
  float* floats_ = nullptr;  // the copy, in one form or the other; neither in float32
  bfloat16* halves_ = nullptr;
  Operand to_;
};

/// All of a matrix, rounded on all threads.
Operand rounded(Arena& arena, const Tensor& from, Precision precision);
/// All of W where `as_is`, or else Wᵀ, in panels. REQUIRES: the unit is AMX.
Operand in_panels(Arena& arena, const Tensor& w, bool as_is);

/// A left-hand side Aᵀ as AMX reads it, which a thread lays out once for several products.
class LaidLeft {
 public:
  static constexpr int64_t kMost = 1 << 18;  // numbers of one that stays in cache, half a MiB

  /// Whether every product of Aᵀ would lay it out anew.
  static bool pays(const Operand& a);
  /// A [k, m] in panels; what the last call gave where that was for the same A.
  Operand of(const Operand& a, int64_t k, int64_t m);

 private:
  Scratch memory_;
  bfloat16* numbers_ = nullptr;
  const bfloat16* from_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace waiver
