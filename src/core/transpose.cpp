#include "core/transpose.h"

#include <algorithm>
#include <cstring>

namespace waiver {
namespace {

using Row = float __attribute__((vector_size(32)));

// Interleaving rows i and i + 4 rotates the bits of (row, column) by one place, so doing it three
// times swaps row and column.
void transpose_square(const float* from, int64_t from_pitch, float* to, int64_t to_pitch) {
  Row rows[8], dealt[8];
  for (int i = 0; i < 8; ++i) std::memcpy(&rows[i], from + i * from_pitch, sizeof(Row));
  for (int deal = 0; deal < 3; ++deal) {
    for (int i = 0; i < 4; ++i) {
      dealt[2 * i] = __builtin_shufflevector(rows[i], rows[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      dealt[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    std::copy_n(dealt, 8, rows);
  }
  for (int i = 0; i < 8; ++i) std::memcpy(to + i * to_pitch, &rows[i], sizeof(Row));
}

}  // namespace

void transpose(const float* from, int64_t from_pitch, int64_t rows, int64_t columns, float* to,
               int64_t to_pitch) {
  for (int64_t c = 0; c < columns; c += 8)
    for (int64_t r = 0; r < rows; r += 8) {
      const float* square = from + r * from_pitch + c;
      if (r + 8 <= rows && c + 8 <= columns) {
        transpose_square(square, from_pitch, to + c * to_pitch + r, to_pitch);
        continue;
      }
      for (int64_t j = c; j < std::min(columns, c + 8); ++j)
        for (int64_t i = r; i < std::min(rows, r + 8); ++i)
          to[j * to_pitch + i] = from[i * from_pitch + j];
    }
}

}  // namespace waiver
