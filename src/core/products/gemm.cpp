#include "core/products/gemm.h"

#include <dnnl.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <dnnl.hpp>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/arena.h"
#include "core/error.h"
#include "core/products/amx.h"
#include "core/scratch.h"
#include "core/stop.h"
#include "core/threads.h"

namespace waiver {
namespace {

using Format = dnnl::memory::format_tag;
using Number = dnnl::memory::data_type;

// Everything that a product depends on but the places of its matrices.
struct ProductKind {
  int64_t m, n, k, lda, ldb, ldc;
  bool transposed_a, transposed_b, adds;

  bool operator==(const ProductKind&) const = default;
};

struct ProductKindHash {
  size_t operator()(const ProductKind& kind) const {
    size_t h = 0;
    for (const int64_t v :
         {kind.m, kind.n, kind.k, kind.lda, kind.ldb, kind.ldc,
          int64_t{kind.transposed_a} | int64_t{kind.transposed_b} << 1 | int64_t{kind.adds} << 2})
      h = h * 0x9e3779b97f4a7c15ull + static_cast<size_t>(v);
    return h ^ h >> 32;
  }
};

// Never destroyed: threads may end after everything static.
const dnnl::engine& engine() {
  static const auto* one = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *one;
}

// The library plans a product for the threads that it could have when it is made. One that belongs
// to a tile has one thread, and so the same plan, and the same bits, however many there are.
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() { omp_set_num_threads(before_); }

 private:
  int before_ = omp_get_max_threads();
};

dnnl::memory::desc matrix(int64_t rows, int64_t columns, int64_t stride, bool transposed,
                          Number number) {
  return {{rows, columns},
          number,
          transposed ? dnnl::memory::dims{1, stride} : dnnl::memory::dims{stride, 1}};
}

dnnl::primitive_attr attributes(const ProductKind& kind) {
  dnnl::post_ops after;
  if (kind.adds) after.append_sum(1);
  dnnl::primitive_attr out;
  out.set_post_ops(after);
  out.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return out;
}

dnnl::matmul::primitive_desc plan(const ProductKind& kind) {
  const auto a = matrix(kind.m, kind.k, kind.lda, kind.transposed_a, Number::bf16),
             b = matrix(kind.k, kind.n, kind.ldb, kind.transposed_b, Number::bf16),
             c = matrix(kind.m, kind.n, kind.ldc, false, Number::f32);
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), a, b, c, attributes(kind)};
#else
  return {dnnl::matmul::desc(a, b, c), attributes(kind), engine()};
#endif
}

// A product of bfloat16 matrices, and what describes its memory.
struct Planned {
  dnnl::matmul::primitive_desc description;
  dnnl::matmul product;
};

// Null where the unit does not take products of this kind: the reference implementation is
// thousands of times slower.
//
// One of each kind serves all threads. Found on 2.6.3: the library keeps descriptions that refer to
// attributes which it has freed, and making a second primitive of a kind, for another number of
// threads, reads them.
const Planned* planned(const ProductKind& kind) {
  static auto& all = *new std::unordered_map<ProductKind, std::optional<Planned>, ProductKindHash>;
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const auto [place, is_new] = all.try_emplace(kind);
  if (is_new) {
    const OneThread one;
    try {
      const auto description = plan(kind);
      if (!std::string_view(description.impl_info_str()).starts_with("ref"))
        place->second = Planned{description, dnnl::matmul(description)};
    } catch (const dnnl::error& error) {
      if (error.status == dnnl_unimplemented) return nullptr;
      all.erase(place);
      throw Error("matrix product",
                  fmt::format("oneDNN cannot make one of [{}, {}] x [{}, {}] bfloat16 numbers: {}",
                              kind.m, kind.k, kind.k, kind.n, error.what()));
    }
  }
  return place->second ? &*place->second : nullptr;
}

// A product with a thread's own memory objects, which are pointed at the matrices of each call.
class Product {
 public:
  explicit Product(const Planned& planned);

  void operator()(const bfloat16* A, const bfloat16* B, float* C) {
    Scratch memory;
    std::byte* scratch = memory.array<std::byte>(scratch_bytes_);
    const std::array<void*, 4> places = {const_cast<bfloat16*>(A), const_cast<bfloat16*>(B), C,
                                         scratch};
    for (size_t i = 0; i < places.size(); ++i)
      dnnl_memory_set_data_handle(matrices_[i].get(), places[i]);
    const dnnl_status_t status =
        dnnl_primitive_execute(product_, stream_.get(), arguments_.size(), arguments_.data());
    if (status != dnnl_success)
      throw Error("matrix product",
                  fmt::format("oneDNN failed with status {}", static_cast<int>(status)));
  }

 private:
  const_dnnl_primitive_t product_;
  dnnl::stream stream_;
  std::array<dnnl::memory, 4> matrices_;
  std::array<dnnl_exec_arg_t, 4> arguments_;
  size_t scratch_bytes_;
};

Product::Product(const Planned& planned)
    : product_(planned.product.get()),
      stream_(engine()),
      matrices_{dnnl::memory(planned.description.src_desc(), engine(), nullptr),
                dnnl::memory(planned.description.weights_desc(), engine(), nullptr),
                dnnl::memory(planned.description.dst_desc(), engine(), nullptr),
                dnnl::memory(planned.description.scratchpad_desc(), engine(), nullptr)},
      arguments_{{{DNNL_ARG_SRC, matrices_[0].get()},
                  {DNNL_ARG_WEIGHTS, matrices_[1].get()},
                  {DNNL_ARG_DST, matrices_[2].get()},
                  {DNNL_ARG_SCRATCHPAD, matrices_[3].get()}}},
      scratch_bytes_(planned.description.scratchpad_desc().get_size()) {}

Product* product_of(const ProductKind& kind) {
  thread_local std::unordered_map<ProductKind, std::optional<Product>, ProductKindHash> products;
  if (const auto known = products.find(kind); known != products.end())
    return known->second ? &*known->second : nullptr;
  const Planned* made = planned(kind);
  std::optional<Product>& product = products[kind];
  if (made) product.emplace(*made);
  return product ? &*product : nullptr;
}

// The matrix of `rows` rows as float32 numbers.
Operand widened(Scratch& memory, const Operand& from, int64_t rows, int64_t columns) {
  float* to = memory.floats(rows * columns);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      to[r * columns + c] = static_cast<float>(from.halves[r * from.stride + c]);
  return operand(to, columns);
}

Bfloat16Unit find_unit() {
  const int isa = static_cast<int>(dnnl_get_effective_cpu_isa());
  const auto has = [isa](int bits) { return (isa & bits) == bits; };
  if (!has(dnnl_cpu_isa_avx512_core_bf16)) return Bfloat16Unit::none;
  if (has(dnnl_cpu_isa_avx512_core_amx) && amx::available()) return Bfloat16Unit::amx;
  try {
    const ProductKind usual{64, 64, 64, 64, 64, 64, false, false, true};
    if (!planned(usual)) return Bfloat16Unit::none;
  } catch (const Error&) {
    return Bfloat16Unit::none;
  }
  return Bfloat16Unit::avx512_bf16;
}

}  // namespace

void gemm(Op a, Op b, int64_t m, int64_t n, int64_t k, float alpha, const float* A, int64_t lda,
          const float* B, int64_t ldb, float beta, float* C, int64_t ldc) {
  const dnnl_status_t status = dnnl_sgemm(a == Op::plain ? 'N' : 'T', b == Op::plain ? 'N' : 'T', m,
                                          n, k, alpha, A, lda, B, ldb, beta, C, ldc);
  if (status != dnnl_success)
    throw Error("matrix product", fmt::format("oneDNN refused [{}, {}] x [{}, {}] with status {}",
                                              m, k, k, n, static_cast<int>(status)));
}

void gemm(Op a, Op b, int64_t m, int64_t n, int64_t k, float alpha, const Operand& A,
          const Operand& B, float beta, float* C, int64_t ldc) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t i = 0; beta == 0 && i < m; ++i) std::fill_n(C + i * ldc, n, 0.0f);
    return;
  }
  if (A.halves && bfloat16_unit() == Bfloat16Unit::amx)
    return amx::multiply({a, b, m, n, k, alpha, beta != 0}, A, B, C, ldc);
  if (A.halves) {
    const ProductKind kind{
        m, n, k, A.stride, B.stride, ldc, a == Op::transposed, b == Op::transposed, beta != 0};
    if (Product* product = product_of(kind)) {
      (*product)(A.halves, B.halves, C);
      // As a part of the product the factor would take as long as the product itself.
      for (int64_t i = 0; alpha != 1 && i < m; ++i)
        for (int64_t j = 0; j < n; ++j) C[i * ldc + j] *= alpha;
      return;
    }
  }
  Scratch memory;
  const bool narrow = A.halves != nullptr, ta = a == Op::transposed, tb = b == Op::transposed;
  const Operand x = narrow ? widened(memory, A, ta ? k : m, ta ? m : k) : A;
  const Operand y = narrow ? widened(memory, B, tb ? n : k, tb ? k : n) : B;
  gemm(a, b, m, n, k, alpha, x.floats, x.stride, y.floats, y.stride, beta, C, ldc);
}

Bfloat16Unit bfloat16_unit() {
  static const Bfloat16Unit unit = find_unit();
  return unit;
}

std::string to_text(Bfloat16Unit unit) {
  switch (unit) {
    case Bfloat16Unit::avx512_bf16:
      return "AVX-512-BF16";
    case Bfloat16Unit::amx:
      return "AMX";
    case Bfloat16Unit::none:
      break;
  }
  return "none";
}

double measure_gemm_rate(Precision precision) {
  constexpr int64_t n = 1024;
  Arena arena;
  const Tensor numbers = arena.matrix(n, n), c = arena.matrix(n, n);
  std::fill_n(numbers.data, n * numbers.stride(), 0.5f);
  // All numbers are the same, and so is any layout of them.
  constexpr int64_t pitch = n + kPanel;
  auto* halves = arena.array<bfloat16>(n * pitch);
  std::fill_n(halves, n * pitch, to_bfloat16(0.5f));
  const Bfloat16Unit unit = bfloat16_unit();
  const bool narrow = precision == Precision::bfloat16 && unit != Bfloat16Unit::none,
             amx = narrow && unit == Bfloat16Unit::amx;
  const Operand a = narrow ? Operand{nullptr, halves, pitch}
                           : operand(numbers.data, numbers.stride()),
                b = amx ? Operand{nullptr, halves, amx::panel_stride(n), true} : a;
  double best = 0;
  for (int round = 0; round < 6; ++round) {
    check_stop();
    const auto start = std::chrono::steady_clock::now();
    if (precision == Precision::float32)
      dnnl_sgemm('N', 'N', n, n, n, 1.0f, a.floats, a.stride, b.floats, b.stride, 0.0f, c.data,
                 c.stride());
    else
      parallel_ranges(n, amx ? 64 : 128, [&](int64_t begin, int64_t end) {
        gemm(Op::plain, Op::plain, end - begin, n, n, 1.0f, a.at(begin, 0), b, 0.0f, c.row(begin),
             c.stride());
      });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * n * n * n / took.count() * 1e-9);
  }
  return best;
}

std::string gemm_version() {
  const dnnl_version_t* v = dnnl_version();
  return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
}

bool gemm_has_own_threads() {
  const unsigned runtime = dnnl_version()->cpu_runtime;
  return runtime != DNNL_RUNTIME_OMP && runtime != DNNL_RUNTIME_SEQ;
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
