#include "autograd/ops/ops.h"

#include <array>
#include <limits>

#include "core/math.h"
#include "reference/op_check.h"

// Every op but attention, norms and losses against plain loops in double precision.

namespace waiver {
namespace {

using namespace op_check;

TEST_CASE("embedding picks rows, and repeated tokens add their gradients") {
  for (const auto& [N, V, C] : {std::array{1, 1, 1}, {13, 5, 3}, {300, 70, 67}}) {
    const auto tokens = whole_numbers("tokens", N, V);
    check(
        {{V, C}}, [&](Tape& tape, const auto& in) { return embedding(tape, tokens, in[0]); },
        [&, C = C](const auto& in) {
          auto y = in[0];
          y.clear();
          for (int32_t token : tokens)
            for (int c = 0; c < C; ++c) y.push_back(in[0][token * C + c]);
          return y;
        });
  }
}

TEST_CASE("add_rows adds the row of each position id in every sequence") {
  for (const auto& [B, T, C] : {std::array{1, 1, 1}, {3, 7, 5}, {2, 150, 67}}) {
    const int context = T + 3;
    auto positions = whole_numbers("positions", T, context);
    check(
        {{B * T, C}, {context, C}},
        [&](Tape& tape, const auto& in) { return add_rows(tape, in[0], in[1], positions); },
        [&, T = T, C = C](const auto& in) {
          auto y = in[0];
          for (size_t i = 0; i < y.size(); ++i) y[i] += in[1][positions[i / C % T] * C + i % C];
          return y;
        });
  }
}

TEST_CASE("add_rows adds nothing where the row is negative, and leaves what is used later alone") {
  for (const auto& [N, C] : {std::array{2, 1}, {21, 5}, {300, 67}}) {
    auto rows = whole_numbers("rows", N, 4);
    for (int32_t& row : rows) row -= 2;
    check(
        {{N, C}, {2, C}},
        [&](Tape& tape, const auto& in) {
          const Variable y = add_rows(tape, in[0], in[1], rows, Later::used);
          return add(tape, in[0], y);
        },
        [&, C = C](const auto& in) {
          auto y = in[0];
          for (size_t i = 0; i < y.size(); ++i) {
            y[i] += in[0][i];
            if (rows[i / C] >= 0) y[i] += in[1][rows[i / C] * C + i % C];
          }
          return y;
        });
  }
}

TEST_CASE("prepend puts the same rows before every sequence, without_first removes them") {
  for (const auto& [B, T, R, C] : {std::array{1, 1, 1, 1}, {3, 7, 2, 5}, {2, 70, 3, 67}}) {
    check(
        {{B * T, C}, {R, C}},
        [B = B](Tape& tape, const auto& in) { return prepend(tape, in[0], in[1], B); },
        [&, B = B, T = T, C = C](const auto& in) {
          auto y = in[0];
          y.clear();
          for (int b = 0; b < B; ++b) {
            y.insert(y.end(), in[1].begin(), in[1].end());
            y.insert(y.end(), in[0].begin() + b * T * C, in[0].begin() + (b + 1) * T * C);
          }
          return y;
        });
    check(
        {{B * (R + T), C}},
        [B = B, R = R](Tape& tape, const auto& in) { return without_first(tape, in[0], R, B); },
        [&, B = B, T = T, R = R, C = C](const auto& in) {
          auto y = in[0];
          y.clear();
          for (int b = 0; b < B; ++b) {
            const auto end = in[0].begin() + (b + 1) * (R + T) * C;
            y.insert(y.end(), end - T * C, end);
          }
          return y;
        });
  }
}

TEST_CASE("add_rows leaves a fixed table alone") {
  Arena arena;
  Tape tape(arena);
  Variable x = tape.variable({2, 3}), table{arena.zeros({2, 3}), {}};
  const std::vector<int32_t> positions = {1, 0};
  const Variable y = add_rows(tape, x, table, positions);
  std::fill_n(y.grad.data, 6, 2.0f);
  tape.backward(y, 2.0f);
  CHECK(copy(x.grad) == std::vector<float>(6, 2.0f));
}

template <class S>
S activated(const S& x, Activation activation) {
  if (activation == Activation::gelu)
    return 0.5 * x * (S(1.0) + reference::erf_of(x / std::sqrt(2.0)));
  if (activation == Activation::gelu_tanh) return reference::gelu_tanh(x);
  if (activation == Activation::relu) return reference::real_part(x) > 0 ? x : S(0.0);
  return x;
}

// x [N, in] times w, plus b when there is a third input.
template <class S>
std::vector<S> plain_linear(const Values<S>& in, int64_t N, int64_t I, int64_t O, bool transposed,
                            Activation activation) {
  std::vector<S> y;
  const std::vector<S> bias = in.size() > 2 ? in.back() : std::vector<S>(O, S(0.0));
  for (int64_t n = 0; n < N; ++n)
    for (int64_t o = 0; o < O; ++o) {
      S sum = bias[o];
      for (int64_t i = 0; i < I; ++i)
        sum += in[0][n * I + i] * in[1][transposed ? o * I + i : i * O + o];
      y.push_back(activated(sum, activation));
    }
  return y;
}

TEST_CASE("linear is x W + b, linear_transposed x Wᵀ + b") {
  for (const auto& [N, I, O] : {std::array{1, 1, 1}, {7, 3, 5}, {64, 64, 64}, {130, 67, 71}})
    for (bool transposed : {false, true})
      for (bool bias : {false, true}) {
        std::vector<Shape> shapes = {{N, I}, transposed ? Shape{O, I} : Shape{I, O}};
        if (bias) shapes.push_back({O});
        check(
            shapes,
            [&](Tape& tape, const auto& in) {
              const auto op = transposed ? linear_transposed : linear;
              return op(tape, in[0], in[1], bias ? in[2] : Variable{});
            },
            [&, N = N, I = I, O = O](const auto& in) {
              return plain_linear(in, N, I, O, transposed, Activation::none);
            });
      }
}

TEST_CASE("a task of several tiles has the sums of each") {
  constexpr int N = 1030, I = 2, O = 260;
  check(
      {{N, I}, {I, O}, {O}},
      [](Tape& tape, const auto& in) { return linear(tape, in[0], in[1], in[2]); },
      [](const auto& in) { return plain_linear(in, N, I, O, false, Activation::none); });
}

TEST_CASE("weight gradients of many rows are summed in parts") {
  constexpr int N = 8200, I = 2, O = 3;
  check(
      {{N, I}, {I, O}}, [](Tape& tape, const auto& in) { return linear(tape, in[0], in[1]); },
      [](const auto& in) { return plain_linear(in, N, I, O, false, Activation::none); });
}

TEST_CASE("mlp is activation(x W + b) W + b") {
  struct Sizes {
    int64_t N, I, F, O;
  };
  REQUIRE(fast_pitch(512) != 512);  // the hidden rows are padded
  for (const auto& [N, I, F, O] :
       {Sizes{1, 1, 1, 1}, {7, 3, 5, 2}, {5, 3, 512, 2}, {130, 67, 71, 9}})
    for (Activation activation :
         {Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh})
      for (bool bias : {false, true}) {
        std::vector<Shape> shapes = {{N, I}, {I, F}, {F, O}};
        if (bias) shapes.insert(shapes.end(), {{F}, {O}});
        check(
            shapes,
            [&](Tape& tape, const auto& in) {
              return mlp(tape, in[0], {in[1], bias ? in[3] : Variable{}}, activation,
                         {in[2], bias ? in[4] : Variable{}});
            },
            [&, N = N, I = I, F = F, O = O](const auto& in) {
              std::decay_t<decltype(in)> first{in[0], in[1]};
              if (bias) first.push_back(in[3]);
              std::decay_t<decltype(in)> second{plain_linear(first, N, I, F, false, activation),
                                                in[2]};
              if (bias) second.push_back(in[4]);
              return plain_linear(second, N, F, O, false, Activation::none);
            });
      }
}

TEST_CASE("products that are cut by columns have all of them") {
  // One tile of rows; a product whose matrix is larger than a task reads at a time; a sum of two
  // pieces.
  constexpr int64_t N = 3, I = 4200, F = 300, O = 2;
  check(
      {{N, I}, {I, F}, {F, O}},
      [&](Tape& tape, const auto& in) {
        return mlp(tape, in[0], {in[1]}, Activation::relu, {in[2]});
      },
      [&](const auto& in) {
        auto hidden = plain_linear(std::decay_t<decltype(in)>{in[0], in[1]}, N, I, F, false,
                                   Activation::relu);
        return plain_linear(std::decay_t<decltype(in)>{hidden, in[2]}, N, F, O, false,
                            Activation::none);
      });
}

TEST_CASE("activations, each number by itself") {
  for (const auto& [N, C] : {std::array{1, 1}, {9, 5}, {150, 67}})
    for (const Activation activation :
         {Activation::none, Activation::relu, Activation::gelu, Activation::gelu_tanh})
      check(
          {{N, C}},
          [=](Tape& tape, const auto& in) {
            return activate(tape, copy_of(tape, in[0]), activation);
          },
          [=](const auto& in) {
            auto y = in[0];
            for (auto& v : y) v = activated(v, activation);
            return y;
          });
}

TEST_CASE("repeat_heads gives every head the key and value of its group") {
  for (const auto& [N, H, K, D] : {std::array{1, 1, 1, 1}, {9, 4, 2, 5}, {150, 6, 3, 8}})
    check(
        {{N, (H + 2 * K) * D}},
        [H = H, K = K](Tape& tape, const auto& in) { return repeat_heads(tape, in[0], H, K); },
        [N = N, H = H, K = K, D = D](const auto& in) {
          auto y = in[0];
          y.clear();
          for (int n = 0; n < N; ++n) {
            const auto row = in[0].begin() + n * (H + 2 * K) * D;
            y.insert(y.end(), row, row + H * D);
            for (const int first : {H, H + K})
              for (int h = 0; h < H; ++h) {
                const auto head = row + (first + h / (H / K)) * D;
                y.insert(y.end(), head, head + D);
              }
          }
          return y;
        });
}

template <class S>
S sigmoid_of(const S& x) {
  using std::exp;
  return S(1.0) / (S(1.0) + exp(-x));
}

TEST_CASE("swiglu is silu(gate) ⊙ up") {
  for (const auto& [N, C] : {std::array{1, 1}, {9, 5}, {150, 67}})
    check(
        {{N, C}, {N, C}}, [](Tape& tape, const auto& in) { return swiglu(tape, in[0], in[1]); },
        [](const auto& in) {
          auto y = in[0];
          for (size_t i = 0; i < y.size(); ++i) y[i] = y[i] * sigmoid_of(y[i]) * in[1][i];
          return y;
        });
}

TEST_CASE("gate multiplies neighbouring channels by the σ of their column") {
  for (const auto& [N, C, G] :
       {std::array{1, 1, 1}, {9, 6, 1}, {9, 6, 3}, {150, 66, 66}, {150, 66, 2}})
    check(
        {{N, C}, {N, G}}, [](Tape& tape, const auto& in) { return gate(tape, in[0], in[1]); },
        [&, C = C, G = G](const auto& in) {
          auto y = in[0];
          for (size_t i = 0; i < y.size(); ++i)
            y[i] = y[i] * sigmoid_of(in[1][i / C * G + i % C / (C / G)]);
          return y;
        });
}

TEST_CASE("value_linear multiplies the values of each head by its own matrix") {
  for (const auto& [N, H, D] : {std::array{1, 1, 1}, {9, 3, 5}, {150, 2, 17}})
    check(
        {{N, 3 * H * D}, {H, D, D}},
        [](Tape& tape, const auto& in) { return value_linear(tape, in[0], in[1]); },
        [&, N = N, H = H, D = D](const auto& in) {
          std::vector y(N * H * D, 0.0 * in[0][0]);
          for (int n = 0; n < N; ++n)
            for (int h = 0; h < H; ++h)
              for (int d = 0; d < D; ++d)
                for (int e = 0; e < D; ++e)
                  y[(n * H + h) * D + d] +=
                      in[0][n * 3 * H * D + 2 * H * D + h * D + e] * in[1][(h * D + e) * D + d];
          return y;
        });
}

TEST_CASE("dropout keeps a share 1 − p, scaled up, and what it keeps depends only on the place") {
  const Random random(3, "here", 7);
  const auto kept = [&](uint64_t place, double p) {
    return random.words(place / 4)[place % 4] >= static_cast<uint64_t>(p * 4294967296.0);
  };
  for (const auto& [N, C] : {std::array{1, 1}, {9, 5}, {150, 67}})
    for (double p : {0.0, 0.25, 0.9})
      for (uint64_t first : {0, 3, 1000})
        check(
            {{N, C}},
            [&](Tape& tape, const auto& in) { return dropout(tape, in[0], p, random, first); },
            [&](const auto& in) {
              auto y = in[0];
              for (size_t i = 0; i < y.size(); ++i)
                y[i] = kept(first + i, p) ? y[i] * (1 / (1 - p)) : 0.0 * y[i];
              return y;
            });
  int64_t count = 0;
  for (uint64_t place = 0; place < 40000; ++place) count += kept(place, 0.25);
  CHECK(std::abs(count - 30000) < 3 * std::sqrt(40000 * 0.25 * 0.75));
}

TEST_CASE("fast_log is the logarithm") {
  for (int i = 0; i < 20000; ++i) {
    const float x = std::exp(static_cast<float>(i) * 0.0087f - 87.0f);
    const double truth = std::log(static_cast<double>(x));
    REQUIRE(std::abs(fast_log(x) - truth) < 1e-7 * std::max(1.0, std::abs(truth)));
  }
  CHECK(fast_log(1.0f) == 0.0f);
}

TEST_CASE("fast_exp is e^x") {
  for (int i = -87600; i <= 88300; ++i) {
    const float x = static_cast<float>(i) * 1e-3f;
    const double truth = std::exp(static_cast<double>(x));
    // Below 2^−126 a float has fewer bits.
    REQUIRE(std::abs(fast_exp(x) - truth) < std::max(2.5e-7 * truth, 1e-45));
  }
  for (const float x : {-87.7f, -88.0f, -1000.0f, -1e30f, -INFINITY}) CHECK(fast_exp(x) == 0.0f);
  for (const float x : {88.4f, 1000.0f, INFINITY}) CHECK(fast_exp(x) == fast_exp(88.3f));
  CHECK(std::isfinite(fast_exp(INFINITY)));
  CHECK(std::isnan(fast_exp(NAN)));
}

TEST_CASE("tanh_gelu is GELU's tanh form, with its slope") {
  double share = 0, relative = 0, slope = 0;
  for (double at = -10; at < 10; at += 1.37e-5) {
    const auto x = static_cast<float>(at);
    const double z = x, u = std::sqrt(2 / M_PI) * (z + 0.044715 * z * z * z);
    const double true_share = 1 / (1 + std::exp(-2 * u)), rest = 1 / (1 + std::exp(2 * u));
    const double true_slope =
        true_share * (1 + 2 * z * rest * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * z * z));
    const TanhGelu found = tanh_gelu(x);
    share = std::max(share, std::abs(found.share - true_share));
    relative = std::max(relative, std::abs(found.share / true_share - 1));
    slope = std::max(slope, std::abs(found.slope - true_slope));
  }
  CHECK(share < 1.2e-7);
  CHECK(relative < 2e-5);
  CHECK(slope < 3e-7);
  for (const float x : {11.0f, 1e10f, 1e30f}) {
    CHECK(tanh_gelu(x).share == 1.0f);
    CHECK(tanh_gelu(x).slope == 1.0f);
    CHECK(std::abs(tanh_gelu(-x).share) < 1e-36f);
    CHECK(std::abs(tanh_gelu(-x).slope) < 1e-35f);
  }
  CHECK(std::isnan(tanh_gelu(NAN).share));
}

TEST_CASE("fast_expm1 is e^x − 1 without cancellation") {
  for (const float sign : {1.0f, -1.0f})
    for (int i = 0; i < 20000; ++i) {
      const float x = sign * std::exp(static_cast<float>(i) * 0.0037f - 69.6f);  // 6e-31 … 81
      const double truth = std::expm1(static_cast<double>(x));
      REQUIRE(std::abs(fast_expm1(x) - truth) < 2e-7 * std::abs(truth));
    }
  CHECK(fast_expm1(0.0f) == 0.0f);
  CHECK(fast_expm1(-1000.0f) == -1.0f);
  CHECK(std::isfinite(fast_expm1(1000.0f)));
  CHECK(std::isnan(fast_expm1(NAN)));
}

TEST_CASE("relu lets NaN through") {
  Arena arena;
  Tape tape(arena, false);
  Variable x = tape.variable({1, 1}), w = tape.variable({1, 1});
  x.value.data[0] = std::numeric_limits<float>::quiet_NaN();
  w.value.data[0] = 1.0f;
  CHECK(std::isnan(mlp(tape, x, {w}, Activation::relu, {w}).value.data[0]));
}

TEST_CASE("add gives both summands the gradient") {
  for (int N : {1, 257}) {
    const auto sum = [](const auto& in) {
      auto y = in[0];
      for (size_t i = 0; i < y.size(); ++i) y[i] += in[1][i];
      return y;
    };
    check(
        {{N, 67}, {N, 67}}, [](Tape& t, const auto& in) { return add(t, in[0], in[1]); }, sum);
    check(
        {{N, 67}}, [](Tape& t, const auto& in) { return add(t, in[0], in[0]); },
        [&sum](const auto& in) {
          return sum(std::vector{in[0], in[0]});
        });
  }
}

TEST_CASE("rotate rotates pairs of channels of queries and keys only") {
  struct Sizes {
    int B, T, H, D, R;  // the first R of D channels are turned
  };
  for (const Sizes& s : {Sizes{1, 1, 1, 2, 2}, {2, 5, 3, 6, 4}, {2, 150, 2, 16, 16}}) {
    const int C = s.H * s.D, half = s.R / 2;
    std::vector<float> cos(s.T * half), sin(s.T * half);
    const auto angles = noise("angles", s.T * half);
    for (size_t i = 0; i < angles.size(); ++i)
      cos[i] = std::cos(angles[i]), sin[i] = std::sin(angles[i]);
    check(
        {{s.B * s.T, 3 * C}},
        [&](Tape& tape, const auto& in) {
          Variable qkv = copy_of(tape, in[0]);
          rotate(tape, qkv, s.H, {cos.data(), {s.T, half}}, {sin.data(), {s.T, half}});
          return qkv;
        },
        [&](const auto& in) {
          auto y = in[0];
          for (int n = 0; n < s.B * s.T; ++n)
            for (int head = 0; head < 2 * s.H; ++head)
              for (int d = 0; d < half; ++d) {
                const int at = n * 3 * C + head * s.D + d, angle = n % s.T * half + d;
                const auto a = in[0][at], b = in[0][at + half];
                const double c = cos[angle], z = sin[angle];
                y[at] = a * c - b * z;
                y[at + half] = a * z + b * c;
              }
          return y;
        });
  }
}

TEST_CASE("a tape that does not record gives the same values and no gradients") {
  Arena arena;
  Tape recording(arena), silent(arena, false);
  Variable x = recording.variable({70, 5}), w = recording.variable({5, 9});
  for (Variable* v : {&x, &w}) {
    const auto values = noise("input", v->value.size());
    std::copy(values.begin(), values.end(), v->value.data);
  }
  const Variable v = recording.variable({9, 4});
  std::fill_n(v.value.data, v.value.size(), 0.5f);
  for (const Activation activation : {Activation::gelu, Activation::gelu_tanh}) {
    const Variable a = mlp(recording, x, {w}, activation, {v});
    const Variable b = mlp(silent, x, {w}, activation, {v});
    CHECK(copy(a.value) == copy(b.value));
    CHECK(a.wants_grad());
    CHECK_FALSE(b.wants_grad());
  }
}

}  // namespace
}  // namespace waiver
