#pragma once

#include <cstdint>
#include <string>

namespace waiver {

enum class Op { plain, transposed };

/// C [m, n] = alpha · op(A) [m, k] · op(B) [k, n] + beta · C, row-major with leading dimensions.
/// Single-threaded. REQUIRES: called within a tile of `parallel_tiles`, or `threads() == 1`. The
/// same inputs give the same bits.
void gemm(Op a, Op b, int64_t m, int64_t n, int64_t k, float alpha, const float* A, int64_t lda,
          const float* B, int64_t ldb, float beta, float* C, int64_t ldc);

/// The best measured rate of a large product on all threads of this machine, in GFLOP/s (2·m·n·k
/// per call).
double measure_gemm_rate();

/// The version of the matrix library, and the instruction set that it uses here.
std::string gemm_version();
std::string gemm_instruction_set();

}  // namespace waiver
