#pragma once

#include <cstdint>
#include <vector>

namespace waiver {

/// σ_j² of X [rows, columns], row-major with rows `stride` apart: min(rows, columns) numbers ≥ 0,
/// ascending; those below about 1e-16 of the largest are rounding. All NaN where X holds NaN or
/// infinity. They are the eigenvalues of the smaller of X Xᵀ and Xᵀ X, in double precision, by
/// Eigen. Single-threaded: the same X gives the same bits.
std::vector<double> squared_singular_values(const float* X, int64_t rows, int64_t columns,
                                            int64_t stride);

}  // namespace waiver
