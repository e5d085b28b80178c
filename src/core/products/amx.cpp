#include "core/products/amx.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/scratch.h"

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

// This file alone is compiled for the unit, function by function: the rest of the program need not
// be.
#define WAIVER_AMX __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw")))

namespace waiver::amx {
namespace {

constexpr int64_t kSide = 16;               // rows of a tile
constexpr int64_t kTile = kSide * kPanel;   // its numbers
constexpr int64_t kStep = kPanel * kPanel;  // two tiles: 32 rows or columns, k over 32
constexpr int64_t kDepth = 256;           // k over which a panel, 16 KiB, stays in the first cache
constexpr int64_t kDeepest = 2 * kDepth;  // k of a left-hand side that is laid out at a time

// The shapes of the unit's eight tiles: 16 rows of 64 bytes.
struct alignas(64) Shapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr Shapes kShapes;

// They hold numbers while this lives.
class Tiles {
 public:
  WAIVER_AMX Tiles() { _tile_loadconfig(&kShapes); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  WAIVER_AMX ~Tiles() { _tile_release(); }
};

using Pairs = __m512i[16];  // sixteen rows of sixteen pairs of numbers

WAIVER_AMX inline void transpose(Pairs& r) {
  Pairs t;
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4)
    for (int j = 0; j < 2; ++j) {
      r[i + 2 * j] = _mm512_unpacklo_epi64(t[i + j], t[i + j + 2]);
      r[i + 2 * j + 1] = _mm512_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 2; ++j) {
      t[i + 4 * j] = _mm512_shuffle_i32x4(r[i + 8 * j], r[i + 8 * j + 4], 0x88);
      t[i + 4 * j + 8] = _mm512_shuffle_i32x4(r[i + 8 * j], r[i + 8 * j + 4], 0xdd);
    }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 2; ++j) {
      r[i + 4 * j] = _mm512_shuffle_i32x4(t[i + 8 * j], t[i + 8 * j + 4], 0x88);
      r[i + 4 * j + 8] = _mm512_shuffle_i32x4(t[i + 8 * j], t[i + 8 * j + 4], 0xdd);
    }
}

WAIVER_AMX inline void store(const Pairs& rows, bfloat16* to) {
  for (int i = 0; i < 16; ++i) _mm512_store_si512(to + i * kPanel, rows[i]);
}

// A square of 32 × 32 numbers whose rows become columns: the pairs of its columns.
WAIVER_AMX void lay_columns(const bfloat16* from, int64_t stride, bfloat16* to) {
  for (int half = 0; half < 2; ++half) {
    Pairs rows;
    for (int i = 0; i < 16; ++i) rows[i] = _mm512_loadu_si512(from + (half * kSide + i) * stride);
    transpose(rows);
    store(rows, to + half * kTile);
  }
}

// The pairs of its rows, and those transposed where they are a left-hand side's.
WAIVER_AMX void lay_rows(const bfloat16* from, int64_t stride, bool transposed, bfloat16* to) {
  const __m512i left = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                right = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  Pairs first, second;  // columns up to 16, and the others
  for (int p = 0; p < 16; ++p) {
    const __m512i even = _mm512_loadu_si512(from + 2 * p * stride),
                  odd = _mm512_loadu_si512(from + (2 * p + 1) * stride),
                  low = _mm512_unpacklo_epi16(even, odd), high = _mm512_unpackhi_epi16(even, odd);
    first[p] = _mm512_permutex2var_epi64(low, left, high);
    second[p] = _mm512_permutex2var_epi64(low, right, high);
  }
  if (transposed) {
    transpose(first);
    transpose(second);
  }
  store(first, to);
  store(second, to + kTile);
}

// A part of a matrix at whose end there may be fewer than 32 rows or columns.
struct Square {
  alignas(64) bfloat16 numbers[kStep];
  const bfloat16* from;
  int64_t stride;

  Square(const bfloat16* part, int64_t apart, int64_t rows, int64_t columns)
      : from(part), stride(apart) {
    if (rows >= kPanel && columns >= kPanel) return;
    std::memset(numbers, 0, sizeof numbers);
    for (int64_t r = 0; r < std::min(kPanel, rows); ++r)
      std::copy_n(part + r * apart, std::min(kPanel, columns), numbers + r * kPanel);
    from = numbers, stride = kPanel;
  }
};

// The left-hand side as the unit reads it: 16 rows, `row` apart, of 32 numbers; the next 32 columns
// are `step` further, the next 16 rows `tile` and the next 32 `block`.
struct Left {
  const bfloat16* numbers;
  int64_t row, step, tile, block;
};

// Where op(B) begins from row k and column j on.
const bfloat16* corner(Op op, const Operand& B, int64_t k, int64_t j) {
  return B.halves + (op == Op::plain ? k * B.stride + j : j * B.stride + k);
}

// All of op(A), k from `first` on over `depth` numbers; where the unit can read A itself, that.
Left left_side(Scratch& memory, const Product& p, const Operand& A, int64_t first, int64_t depth) {
  if (A.panels) return {A.halves + first * kPanel, kPanel, kStep, kTile, A.stride};
  if (p.a == Op::plain && p.m % kSide == 0 && depth % kPanel == 0)
    return {A.halves + first, A.stride, kPanel, kSide * A.stride, kPanel * A.stride};
  const int64_t steps = up_to_panels(depth) / kPanel;
  bfloat16* to = memory.array<bfloat16>(up_to_panels(p.m) * steps * kPanel);
  for (int64_t s = 0; s < steps; ++s)
    for (int64_t i = 0; i < p.m; i += kPanel) {
      bfloat16* place = to + (i / kPanel * steps + s) * kStep;
      const int64_t k = first + s * kPanel, deep = depth - s * kPanel, rows = p.m - i;
      if (p.a == Op::transposed) {
        const Square square(A.halves + k * A.stride + i, A.stride, deep, rows);
        lay_rows(square.from, square.stride, true, place);
      } else {
        const Square square(A.halves + i * A.stride + k, A.stride, rows, deep);
        for (int64_t r = 0; r < kPanel; ++r)
          std::copy_n(square.from + r * square.stride, kPanel, place + r * kPanel);
      }
    }
  return {to, kPanel, kStep, kTile, steps * kStep};
}

// A block of at most 32 × 32 sums, of M by N tiles: c (+)= left · panel. Never inlined, for GCC 12
// does not know that loads of tiles read memory.
template <int M, int N>
[[gnu::noinline]] WAIVER_AMX void block(const Left& left, const bfloat16* panel, int64_t steps,
                                        bool adds, float* c, int64_t ldc) {
  const auto apart = static_cast<size_t>(ldc) * sizeof(float), row = left.row * sizeof(bfloat16);
  constexpr size_t together = kPanel * sizeof(bfloat16);
  float* below = c + kSide * ldc;
  if (adds) {
    _tile_loadd(0, c, apart);
    if constexpr (N > 1) _tile_loadd(1, c + kSide, apart);
    if constexpr (M > 1) _tile_loadd(2, below, apart);
    if constexpr (M > 1 && N > 1) _tile_loadd(3, below + kSide, apart);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const bfloat16* a = left.numbers;
  for (int64_t s = 0; s < steps; ++s, a += left.step, panel += kStep) {
    _tile_loadd(4, a, row);
    _tile_loadd(6, panel, together);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (N > 1) {
      _tile_loadd(7, panel + kTile, together);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (M > 1) {
      _tile_loadd(5, a + left.tile, row);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (N > 1) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, c, apart);
  if constexpr (N > 1) _tile_stored(1, c + kSide, apart);
  if constexpr (M > 1) _tile_stored(2, below, apart);
  if constexpr (M > 1 && N > 1) _tile_stored(3, below + kSide, apart);
}

void add_block(const Left& left, const bfloat16* panel, int64_t steps, bool adds, float* c,
               int64_t ldc, int64_t rows, int64_t columns) {
  const auto f = rows > kSide      ? columns > kSide ? block<2, 2> : block<2, 1>
                      : columns > kSide ? block<1, 2>
                                   : block<1, 1>;
  if (rows % kSide == 0 && columns % kSide == 0) return f(left, panel, steps, adds, c, ldc);
  alignas(64) float edge[kPanel * kPanel];
  for (int64_t r = 0; adds && r < rows; ++r) std::copy_n(c + r * ldc, columns, edge + r * kPanel);
  f(left, panel, steps, adds, edge, kPanel);
  for (int64_t r = 0; r < rows; ++r) std::copy_n(edge + r * kPanel, columns, c + r * ldc);
}

void scale(float alpha, float* c, int64_t ldc, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t q = 0; q < columns; ++q) c[r * ldc + q] *= alpha;
}

// Columns [j, j + 32) of C gain what k from `first` on over `depth` numbers contributes.
void add_panel(const Product& p, const Left& left, const bfloat16* panel, int64_t first,
               int64_t depth, int64_t j, float* C, int64_t ldc) {
  const int64_t columns = std::min(kPanel, p.n - j);
  Left rows = left;
  for (int64_t i = 0; i < p.m; i += kPanel, rows.numbers += left.block) {
    const int64_t high = std::min(kPanel, p.m - i);
    float* c = C + i * ldc + j;
    add_block(rows, panel, up_to_panels(depth) / kPanel, p.adds || first > 0, c, ldc, high,
              columns);
    if (p.alpha != 1 && first + depth == p.k) scale(p.alpha, c, ldc, high, columns);
  }
}

bool ask_for_tiles() {
  constexpr long kRequest = 0x1023,
                 kTileData = 18;  // ARCH_REQ_XCOMP_PERM (arch_prctl(2)), XTILEDATA
  return __builtin_cpu_supports("avx512bw") && syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}

}  // namespace

bool available() {
  static const bool allowed = ask_for_tiles();
  return allowed;
}

void lay_out(Op op, const bfloat16* from, int64_t stride, int64_t rows, int64_t columns,
             bfloat16* to) {
  const bool plain = op == Op::plain;
  const Square square(from, stride, plain ? rows : columns, plain ? columns : rows);
  if (plain)
    lay_rows(square.from, square.stride, false, to);
  else
    lay_columns(square.from, square.stride, to);
}

void lay_out_left(const bfloat16* from, int64_t stride, int64_t k, int64_t m, bfloat16* to) {
  const int64_t panel = panel_stride(k);
  for (int64_t l = 0; l < k; l += kPanel)
    for (int64_t i = 0; i < m; i += kPanel) {
      const Square square(from + l * stride + i, stride, k - l, m - i);
      lay_rows(square.from, square.stride, true, to + i / kPanel * panel + l * kPanel);
    }
}

void multiply(const Product& p, const Operand& A, const Operand& B, float* C, int64_t ldc) {
  Scratch memory;
  bfloat16* laid = B.panels ? nullptr : memory.array<bfloat16>(kDepth * kPanel);
  const Tiles tiles;
  for (int64_t first = 0; first < p.k; first += kDeepest) {
    const int64_t last = std::min(p.k, first + kDeepest);
    Scratch inner;
    const Left all = left_side(inner, p, A, first, last - first);
    for (int64_t j = 0; j < p.n; j += kPanel)
      for (int64_t k = first; k < last; k += kDepth) {
        const int64_t depth = std::min(kDepth, last - k);
        for (int64_t l = 0; laid && l < depth; l += kPanel)
          lay_out(p.b, corner(p.b, B, k + l, j), B.stride, depth - l, p.n - j, laid + l * kPanel);
        Left left = all;
        left.numbers += (k - first) / kPanel * all.step;
        add_panel(p, left, laid ? laid : B.at(k, j).halves, k, depth, j, C, ldc);
      }
  }
}

}  // namespace waiver::amx

#else

namespace waiver::amx {
namespace {

[[noreturn]] void refuse() { throw Error("matrix product", "this processor has no AMX"); }

}  // namespace

bool available() { return false; }
void lay_out(Op, const bfloat16*, int64_t, int64_t, int64_t, bfloat16*) { refuse(); }
void lay_out_left(const bfloat16*, int64_t, int64_t, int64_t, bfloat16*) { refuse(); }
void multiply(const Product&, const Operand&, const Operand&, float*, int64_t) { refuse(); }

}  // namespace waiver::amx

#endif
