#include "core/gemm.h"

#include <dnnl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/error.h"
#include "core/stop.h"

namespace waiver {

void gemm(Op a, Op b, int64_t m, int64_t n, int64_t k, float alpha, const float* A, int64_t lda,
          const float* B, int64_t ldb, float beta, float* C, int64_t ldc) {
  const dnnl_status_t status = dnnl_sgemm(a == Op::plain ? 'N' : 'T', b == Op::plain ? 'N' : 'T', m,
                                          n, k, alpha, A, lda, B, ldb, beta, C, ldc);
  if (status != dnnl_success)
    throw Error("matrix product", fmt::format("oneDNN refused [{}, {}] x [{}, {}] with status {}",
                                              m, k, k, n, static_cast<int>(status)));
}

double measure_gemm_rate() {
  constexpr int64_t n = 1024;
  std::vector<float> a(n * n, 0.5f), b(n * n, 0.25f), c(n * n);
  double best = 0;
  for (int round = 0; round < 6; ++round) {
    check_stop();
    const auto start = std::chrono::steady_clock::now();
    dnnl_sgemm('N', 'N', n, n, n, 1.0f, a.data(), n, b.data(), n, 0.0f, c.data(), n);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * n * n * n / took.count() * 1e-9);
  }
  return best;
}

std::string gemm_version() {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
}

std::string gemm_instruction_set() {
  const int isa = static_cast<int>(dnnl_get_effective_cpu_isa());
  const struct {
    int bits;
    const char* name;
  } sets[] = {{dnnl_cpu_isa_avx512_core, "AVX-512"},
              {dnnl_cpu_isa_avx2, "AVX2"},
              {dnnl_cpu_isa_avx, "AVX"},
              {dnnl_cpu_isa_sse41, "SSE4.1"}};
  for (const auto& set : sets)
    if ((isa & set.bits) == set.bits) return set.name;
  return "generic";
}

}  // namespace waiver
