// Products of bfloat16 numbers, on whichever unit multiplies them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "core/products/gemm.h"
#include "core/products/rounded.h"
#include "normals.h"
#include "threads_of_scope.h"

using namespace waiver;

TEST_CASE("a float is rounded to the nearest bfloat16, ties to even") {
  const float ulp = 0x1p-7f;  // of bfloat16 at 1
  const auto rounded = [](float x) { return as_input(x, Precision::bfloat16); };
  CHECK(rounded(1 + 0.499f * ulp) == 1);
  CHECK(rounded(1 + 0.5f * ulp) == 1);
  CHECK(rounded(1 + 0.501f * ulp) == 1 + ulp);
  CHECK(rounded(1 + 1.5f * ulp) == 1 + 2 * ulp);
  CHECK(rounded(-1 - 1.5f * ulp) == -1 - 2 * ulp);
  CHECK(rounded(0x1p-140f) == 0);  // less than half of the least number
  CHECK(rounded(std::numeric_limits<float>::max()) == std::numeric_limits<float>::infinity());
  CHECK(std::isnan(rounded(std::bit_cast<float>(0x7f800001u))));
  CHECK(std::signbit(rounded(-0.0f)));
  CHECK(as_input(1 + 0.499f * ulp, Precision::float32) == 1 + 0.499f * ulp);
}

TEST_CASE("products of bfloat16 numbers are those of the rounded numbers") {
  MESSAGE("bfloat16 unit: ", to_text(bfloat16_unit()));
  struct Sizes {
    int64_t m, n, k;
  };
  const Threads one(1);
  const Sizes all[] = {{64, 96, 48}, {1, 1, 1},      {3, 5, 7},    {64, 67, 33},   {1, 256, 64},
                       {64, 1, 20},  {17, 130, 513}, {48, 16, 32}, {128, 64, 1100}};
  for (const Sizes& sizes : all)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const float alpha : {1.0f, 0.3f})
          for (const float beta : {0.0f, 1.0f}) {
            if (alpha != 1 && beta != 0) continue;
            const int64_t m = sizes.m, n = sizes.n, k = sizes.k;
            INFO(m, " x ", n, " x ", k, ", transposed: ", ta, " ", tb, ", alpha ", alpha);
            Arena arena;
            const Tensor a = ta ? normals(arena, k, m, "a") : normals(arena, m, k, "a"),
                         b = tb ? normals(arena, n, k, "b") : normals(arena, k, n, "b"),
                         c = normals(arena, m, n + 3, "c"), before = normals(arena, m, n + 3, "c");
            gemm(ta ? Op::transposed : Op::plain, tb ? Op::transposed : Op::plain, m, n, k, alpha,
                 rounded(arena, a, Precision::bfloat16), rounded(arena, b, Precision::bfloat16),
                 beta, c.data, n + 3);
            for (int64_t i = 0; i < m; ++i) {
              for (int64_t j = 0; j < n; ++j) {
                double sum = 0, size = 0;
                for (int64_t l = 0; l < k; ++l) {
                  const double x = as_input(ta ? a.row(l)[i] : a.row(i)[l], Precision::bfloat16);
                  const double y = as_input(tb ? b.row(j)[l] : b.row(l)[j], Precision::bfloat16);
                  sum += x * y, size += std::abs(x * y);
                }
                const double expected = alpha * sum + beta * before.row(i)[j];
                // float32 sums round by 6e-8 of their terms, a few times.
                CHECK(std::abs(c.row(i)[j] - expected) <= 1e-6 * (size + 1));
              }
              for (int64_t j = n; j < n + 3; ++j) CHECK(c.row(i)[j] == before.row(i)[j]);
            }
          }
}

TEST_CASE("products on AMX have the same bits however they are cut, and from panels") {
  if (bfloat16_unit() != Bfloat16Unit::amx) {
    MESSAGE("skipped: this processor has no AMX");
    return;
  }
  const Threads one(1);
  constexpr int64_t m = 90, n = 150, k = 600;
  Arena arena;
  const Tensor a = normals(arena, m, k, "a"), b = normals(arena, k, n, "b"),
               b_transposed = arena.tensor({n, k}), whole = arena.zeros({m, n});
  for (int64_t l = 0; l < k; ++l)
    for (int64_t j = 0; j < n; ++j) b_transposed.row(j)[l] = b.row(l)[j];
  const Operand left = rounded(arena, a, Precision::bfloat16),
                right = rounded(arena, b, Precision::bfloat16), panels = in_panels(arena, b, true),
                turned = in_panels(arena, b_transposed, false);
  gemm(Op::plain, Op::plain, m, n, k, 1, left, right, 0, whole.data, n);
  for (const Operand& side : {right, panels, turned}) {
    const Tensor c = arena.zeros({m, n});
    for (int64_t i = 0; i < m; i += 37)
      for (int64_t j = 0; j < n; j += 64)
        for (int64_t l = 0; l < k; l += 320)  // pieces of a sum, between multiples of 32
          gemm(Op::plain, Op::plain, std::min<int64_t>(37, m - i), std::min<int64_t>(64, n - j),
               std::min<int64_t>(320, k - l), 1, left.at(i, l), side.at(l, j), l == 0 ? 0 : 1,
               c.row(i) + j, n);
    CHECK(std::ranges::equal(std::span(c.data, c.size()), std::span(whole.data, whole.size())));
  }
}

TEST_CASE("a left-hand side that is laid out once gives the bits of one that is not") {
  if (bfloat16_unit() != Bfloat16Unit::amx) {
    MESSAGE("skipped: this processor has no AMX");
    return;
  }
  struct Sizes {
    int64_t m, n, k;
  };
  const Threads one(1);
  for (const auto& [m, n, k] : {Sizes{90, 70, 600}, {32, 64, 512}, {7, 5, 3}, {129, 33, 1031}}) {
    INFO(m, " x ", n, " x ", k);
    Arena arena;
    const Operand a = rounded(arena, normals(arena, 2 * k, m, "a"), Precision::bfloat16),
                  b = rounded(arena, normals(arena, 2 * k, n, "b"), Precision::bfloat16);
    REQUIRE(LaidLeft::pays(a));
    LaidLeft laid;
    for (const int64_t first : {int64_t{0}, k, int64_t{0}}) {
      const Tensor expected = arena.zeros({m, n}), c = arena.zeros({m, n});
      gemm(Op::transposed, Op::plain, m, n, k, 1, a.at(first, 0), b.at(first, 0), 0, expected.data,
           n);
      for (int64_t j = 0; j < n; j += 32)
        gemm(Op::transposed, Op::plain, m, std::min<int64_t>(32, n - j), k, 1,
             laid.of(a.at(first, 0), k, m), b.at(first, j), 0, c.data + j, n);
      CHECK(std::ranges::equal(std::span(c.data, c.size()),
                               std::span(expected.data, expected.size())));
    }
  }
}
