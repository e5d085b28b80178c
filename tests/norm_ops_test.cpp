#include "autograd/ops/ops.h"

#include <array>
#include <limits>

#include "core/math.h"
#include "reference/op_check.h"

// Norms against plain loops in double precision.

namespace waiver {
namespace {

using namespace op_check;

TEST_CASE("layer_norm centres and scales every row") {
  for (const auto& [N, C] : {std::array{1, 3}, {9, 5}, {64, 16}, {150, 67}})
    for (float eps : {1e-5f, 0.5f})
      for (bool bias : {false, true}) {
        std::vector<Shape> shapes = {{N, C}, {C}};
        if (bias) shapes.push_back({C});
        check(
            shapes,
            [&](Tape& tape, const auto& in) {
              return layer_norm(tape, in[0], in[1], bias ? in[2] : Variable{}, eps);
            },
            [&, N = N, C = C](const auto& in) {
              using std::sqrt;
              auto y = in[0];
              for (int n = 0; n < N; ++n) {
                auto *row = &y[n * C], mean = 0.0 * row[0], variance = mean;
                for (int c = 0; c < C; ++c) mean += row[c] / C;
                for (int c = 0; c < C; ++c) variance += (row[c] - mean) * (row[c] - mean) / C;
                for (int c = 0; c < C; ++c) {
                  row[c] = (row[c] - mean) / sqrt(variance + eps) * in[1][c];
                  if (bias) row[c] += in[2][c];
                }
              }
              return y;
            });
      }
}

TEST_CASE("rms_norm scales every row") {
  for (const auto& [N, C] : {std::array{1, 3}, {9, 5}, {64, 16}, {150, 67}})
    for (float eps : {1e-5f, 0.5f})
      check(
          {{N, C}, {C}},
          [&](Tape& tape, const auto& in) { return rms_norm(tape, in[0], in[1], eps); },
          [&, N = N, C = C](const auto& in) {
            using std::sqrt;
            auto y = in[0];
            for (int n = 0; n < N; ++n) {
              auto *row = &y[n * C], square = 0.0 * row[0];
              for (int c = 0; c < C; ++c) square += row[c] * row[c] / C;
              for (int c = 0; c < C; ++c) row[c] = row[c] / sqrt(square + eps) * in[1][c];
            }
            return y;
          });
}

// Rows of x + z, and of their norm by plain loops.
template <class In>
auto sum_and_norm(const In& in, int N, int C, bool centred, double eps) {
  using std::sqrt;
  auto sum = in[0], normed = in[0];
  for (int n = 0; n < N; ++n) {
    auto mean = 0.0 * in[0][0], square = mean;
    for (int c = n * C; c < (n + 1) * C; ++c) sum[c] = in[0][c] + in[1][c];
    for (int c = n * C; centred && c < (n + 1) * C; ++c) mean += sum[c] / C;
    for (int c = n * C; c < (n + 1) * C; ++c) square += (sum[c] - mean) * (sum[c] - mean) / C;
    for (int c = n * C; c < (n + 1) * C; ++c)
      normed[c] = (sum[c] - mean) / sqrt(square + eps) * in[2][c % C];
  }
  return std::pair{sum, normed};
}

TEST_CASE("a residual sum and its norm, whichever of them goes on") {
  constexpr float eps = 1e-5f;
  for (const auto& [N, C] : {std::array{1, 3}, {9, 5}, {150, 67}})
    for (const bool centred : {false, true})
      for (const bool uses_sum : {false, true})
        for (const bool uses_norm : {false, true}) {
          if (!uses_sum && !uses_norm) continue;
          INFO(N, " x ", C, ": ", centred, uses_sum, uses_norm);
          check(
              {{N, C}, {N, C}, {C}},
              [&](Tape& tape, const auto& in) {
                const auto [sum, normed] = centred
                                               ? add_layer_norm(tape, in[0], in[1], in[2], {}, eps)
                                               : add_rms_norm(tape, in[0], in[1], in[2], eps);
                if (!uses_norm) return sum;
                return uses_sum ? add(tape, sum, normed) : normed;
              },
              [&, N = N, C = C](const auto& in) {
                auto [sum, normed] = sum_and_norm(in, N, C, centred, eps);
                if (!uses_norm) return sum;
                for (size_t i = 0; uses_sum && i < sum.size(); ++i) normed[i] += sum[i];
                return normed;
              });
        }
}

TEST_CASE("head_norm scales the channels of each head of queries and keys only") {
  struct Sizes {
    int N, H, D;
  };
  for (const Sizes& s : {Sizes{1, 1, 3}, {7, 3, 4}, {130, 2, 17}})
    for (bool centred : {false, true})
      for (float eps : {1e-5f, 0.5f}) {
        const int C = s.H * s.D;
        check(
            {{s.N, 3 * C}, {s.D}, {s.D}},
            [&](Tape& tape, const auto& in) {
              Variable qkv = copy_of(tape, in[0]);
              head_norm(tape, qkv, s.H, in[1], in[2], centred, eps);
              return qkv;
            },
            [&](const auto& in) {
              using std::sqrt;
              auto y = in[0];
              for (int n = 0; n < s.N; ++n)
                for (int head = 0; head < 2 * s.H; ++head) {
                  auto *x = &y[n * 3 * C + head * s.D], mean = 0.0 * x[0], square = mean;
                  for (int d = 0; d < s.D && centred; ++d) mean += x[d] / s.D;
                  for (int d = 0; d < s.D; ++d) square += (x[d] - mean) * (x[d] - mean) / s.D;
                  for (int d = 0; d < s.D; ++d)
                    x[d] = (x[d] - mean) / sqrt(square + eps) * in[head < s.H ? 1 : 2][d];
                }
              return y;
            });
      }
}

}  // namespace
}  // namespace waiver
