#pragma once

#include <cstdint>

namespace waiver {

/// to [columns, rows] = fromᵀ of from [rows, columns], row-major with the given pitches. In squares
/// of 8 × 8 that stay in registers: three to five times as fast as plain loops.
void transpose(const float* from, int64_t from_pitch, int64_t rows, int64_t columns, float* to,
               int64_t to_pitch);

}  // namespace waiver
