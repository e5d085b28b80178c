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
