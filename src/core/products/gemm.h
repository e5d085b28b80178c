#pragma once

#include <cstdint>
#include <string>

#include "core/products/operand.h"

namespace waiver {

/// C [m, n] = alpha · op(A) [m, k] · op(B) [k, n] + beta · C, row-major with leading dimensions.
/// Single-threaded. REQUIRES: called within a tile of `parallel_tiles`, or `threads() == 1`. The
/// same inputs give the same bits.
void gemm(Op a, Op b, int64_t m, int64_t n, int64_t k, float alpha, const float* A, int64_t lda,
          const float* B, int64_t ldb, float beta, float* C, int64_t ldc);

/// The same for inputs of either precision; products of bfloat16 numbers are added in float32.
/// REQUIRES: A and B have the same form, or lie in panels, as op(A) and op(B) already (rounded.h);
/// beta is 0, or alpha and beta are 1.
void gemm(Op a, Op b, int64_t m, int64_t n, int64_t k, float alpha, const Operand& A,
          const Operand& B, float beta, float* C, int64_t ldc);

/// What multiplies bfloat16 numbers here. Where nothing does, their products are float32 products
/// of the same rounded numbers. The environment variable ONEDNN_MAX_CPU_ISA restricts it.
enum class Bfloat16Unit { none, avx512_bf16, amx };
Bfloat16Unit bfloat16_unit();
std::string to_text(Bfloat16Unit unit);

/// The best measured rate of a large product on all threads of this machine, in GFLOP/s (2·m·n·k
/// per call).
double measure_gemm_rate(Precision precision = Precision::float32);

/// The version of the matrix library, and the instruction set that it uses here.
std::string gemm_version();
std::string gemm_instruction_set();
/// Whether the library shares its work among threads other than OpenMP's, so that a product may
/// occupy more than the thread that calls it.
bool gemm_has_own_threads();

}  // namespace waiver
