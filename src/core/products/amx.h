#pragma once

#include <cstdint>

#include "core/products/operand.h"

/// Products of bfloat16 numbers on AMX, the tile unit of newer processors (Intel, Architecture
/// Instruction Set Extensions Programming Reference, chapter 3). One instruction adds to 16 × 16
/// float32 sums the products of 16 rows of 32 numbers with 32 rows of 16; subnormal numbers count
/// as 0. The sums over k are made 32 at a time, in order, so that the bits of a product do not
/// depend on how its rows and columns are cut.
namespace waiver::amx {

/// Whether this processor has the unit and the system lets this process use it.
bool available();

/// In panels: a right-hand side [k, n] in the order in which the unit reads it, filled up with
/// zeros to multiples of 32. Each panel has 32 columns and holds 32 rows after 32 rows, first of
/// its left 16 columns and then of the others, and of those 16 pairs of rows, each column by
/// column.
constexpr int64_t up_to_panels(int64_t n) { return (n + kPanel - 1) / kPanel * kPanel; }
/// Numbers from one panel of a matrix of `rows` rows to the next.
constexpr int64_t panel_stride(int64_t rows) { return up_to_panels(rows) * kPanel; }
/// Lays out the first 32 rows and 32 columns of op(from), where `from` is row-major and op(from)
/// has `rows` rows and `columns` columns: 1,024 numbers of a panel. REQUIRES: `to` is 64-byte
/// aligned.
void lay_out(Op op, const bfloat16* from, int64_t stride, int64_t rows, int64_t columns,
             bfloat16* to);

/// Lays out a left-hand side Aᵀ [m, k], where A [k, m] is row-major: panels of 32 of its rows,
/// which hold 32 columns after 32 columns, of which first the upper 16 rows. REQUIRES: as above.
void lay_out_left(const bfloat16* from, int64_t stride, int64_t k, int64_t m, bfloat16* to);

/// C [m, n] = alpha · op(A) op(B), or, where it adds, C + op(A) op(B), as gemm of gemm.h. A and B
/// hold halves row by row, or op(A) or op(B) lies in panels. REQUIRES: the unit is available; alpha
/// is 1 where it adds.
struct Product {
  Op a, b;
  int64_t m, n, k;
  float alpha;
  bool adds;
};
void multiply(const Product& product, const Operand& A, const Operand& B, float* C, int64_t ldc);

}  // namespace waiver::amx
