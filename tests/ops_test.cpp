#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "autograd/ops/ops.h"
#include "core/random.h"
#include "core/threads.h"
#include "model/attention/normalizer.h"
#include "reference/scalar.h"

// Every op against plain loops in double precision, forward and backward.

namespace waiver {
namespace {

using reference::Dual;
using Fast = std::function<Variable(Tape&, const std::vector<Variable>&)>;
template <class S>
using Values = std::vector<std::vector<S>>;  // of every input

std::vector<float> noise(std::string_view stream, int64_t n) {
  std::vector<float> out(n);
  const Random random(17, stream);
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(random.normal(i));
  return out;
}

std::vector<float> copy(const Tensor& t) { return {t.data, t.data + t.size()}; }

// What an op gives for inputs filled with noise, when the gradient of its output is noise.
struct Result {
  std::vector<float> y;
  std::vector<std::vector<float>> grads;
  bool operator==(const Result&) const = default;
};

Result run_fast(const Fast& op, const std::vector<Shape>& shapes, float grad_before) {
  Arena arena;
  Tape tape(arena);
  std::vector<Variable> inputs;
  for (size_t k = 0; k < shapes.size(); ++k) {
    inputs.push_back(tape.variable(shapes[k]));
    const auto values = noise("input " + std::to_string(k), shapes[k].size());
    std::copy(values.begin(), values.end(), inputs[k].value.data);
    std::fill_n(inputs[k].grad.data, values.size(), grad_before);
  }
  const Variable y = op(tape, inputs);
  Result result{copy(y.value), {}};
  const auto dy = noise("output gradient", y.value.size());
  std::copy(dy.begin(), dy.end(), y.grad.data);
  tape.backward(y, dy[0]);
  for (const Variable& input : inputs) result.grads.push_back(copy(input.grad));
  return result;
}

// Inputs in double precision; as Duals, input `moved` has a random sign in each of 8 directions.
template <class S>
Values<S> exact_inputs(const std::vector<Shape>& shapes) {
  Values<S> inputs;
  for (size_t k = 0; k < shapes.size(); ++k) {
    const auto values = noise("input " + std::to_string(k), shapes[k].size());
    inputs.emplace_back(values.begin(), values.end());
  }
  return inputs;
}

double sign(int direction, size_t i) {
  return Random(19, "signs", direction).below(i, 2) ? 1.0 : -1.0;
}

double length(const std::vector<double>& x) {
  double squares = 0;
  for (double v : x) squares += v * v;
  return std::sqrt(squares);
}

// `plain` takes Values<S> and returns the output as std::vector<S>. Tolerances: fp32 rounds to
// 6e-8, and sums over up to 200 terms lose another factor of ten. Gradients are compared along
// random signs, relative to their Euclidean length, which is what such a sum amounts to.
template <class Plain>
void check(const std::vector<Shape>& shapes, const Fast& op, const Plain& plain) {
  const Result fast = run_fast(op, shapes, 0.0f);

  const std::vector<double> truth = plain(exact_inputs<double>(shapes));
  REQUIRE(fast.y.size() == truth.size());
  double top = 0;
  for (double y : truth) top = std::max(top, std::abs(y));
  for (size_t i = 0; i < truth.size(); ++i) {
    INFO("output ", i);
    REQUIRE(std::abs(fast.y[i] - truth[i]) <= 1e-6 * top);
  }

  const auto dy = noise("output gradient", static_cast<int64_t>(truth.size()));
  for (size_t k = 0; k < shapes.size(); ++k) {
    INFO("gradient of input ", k);
    Values<Dual> inputs = exact_inputs<Dual>(shapes);
    for (size_t i = 0; i < inputs[k].size(); ++i)
      for (int d = 0; d < Dual::kDirections; ++d) inputs[k][i].slopes[d] = sign(d, i);
    const std::vector<Dual> y = plain(inputs);
    const std::vector<double> grad(fast.grads[k].begin(), fast.grads[k].end());
    for (int d = 0; d < Dual::kDirections; ++d) {
      double along = 0, expected = 0;
      for (size_t i = 0; i < grad.size(); ++i) along += sign(d, i) * grad[i];
      for (size_t i = 0; i < y.size(); ++i) expected += dy[i] * y[i].slopes[d];
      CHECK(std::abs(along - expected) <= 2e-6 * length(grad));
    }
  }

  const Result added = run_fast(op, shapes, 1.0f);
  for (size_t k = 0; k < shapes.size(); ++k)
    for (size_t i = 0; i < fast.grads[k].size(); ++i) {
      INFO("gradients add up, input ", k, ", number ", i);
      REQUIRE(added.grads[k][i] ==
              doctest::Approx(1.0 + fast.grads[k][i]).epsilon(1e-6).scale(length({1.0})));
    }

  const int before = threads();
  for (int count : {1, 2, 5}) {
    set_threads(count);
    INFO("with ", count, " threads");
    CHECK(run_fast(op, shapes, 0.0f) == fast);
  }
  set_threads(before);
}

std::vector<int32_t> whole_numbers(std::string_view stream, int64_t n, int64_t below) {
  std::vector<int32_t> out(n);
  const Random random(23, stream);
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<int32_t>(random.below(i, below));
  return out;
}

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

TEST_CASE("add_positions adds the row of each position id in every sequence") {
  for (const auto& [B, T, C] : {std::array{1, 1, 1}, {3, 7, 5}, {2, 150, 67}}) {
    const int context = T + 3;
    auto positions = whole_numbers("positions", T, context);
    check(
        {{B * T, C}, {context, C}},
        [&](Tape& tape, const auto& in) { return add_positions(tape, in[0], in[1], positions); },
        [&, T = T, C = C](const auto& in) {
          auto y = in[0];
          for (size_t i = 0; i < y.size(); ++i) y[i] += in[1][positions[i / C % T] * C + i % C];
          return y;
        });
  }
}

TEST_CASE("add_positions leaves a fixed table alone") {
  Arena arena;
  Tape tape(arena);
  Variable x = tape.variable({2, 3}), table{arena.zeros({2, 3}), {}};
  const std::vector<int32_t> positions = {1, 0};
  const Variable y = add_positions(tape, x, table, positions);
  std::fill_n(y.grad.data, 6, 2.0f);
  tape.backward(y, 2.0f);
  CHECK(copy(x.grad) == std::vector<float>(6, 2.0f));
}

template <class S>
S activated(const S& x, Activation activation) {
  if (activation == Activation::gelu)
    return 0.5 * x * (S(1.0) + reference::erf_of(x / std::sqrt(2.0)));
  if (activation == Activation::relu) return reference::real_part(x) > 0 ? x : S(0.0);
  return x;
}

// x [N, in] times w, plus b when there is a third input.
template <class S>
std::vector<S> plain_linear(const Values<S>& in, int64_t N, int64_t I, int64_t O, bool transposed,
                            Activation activation) {
  std::vector<S> y;
  for (int64_t n = 0; n < N; ++n)
    for (int64_t o = 0; o < O; ++o) {
      S sum = in.size() > 2 ? in[2][o] : S(0.0);
      for (int64_t i = 0; i < I; ++i)
        sum += in[0][n * I + i] * in[1][transposed ? o * I + i : i * O + o];
      y.push_back(activated(sum, activation));
    }
  return y;
}

TEST_CASE("linear is activation(x W + b)") {
  for (const auto& [N, I, O] : {std::array{1, 1, 1}, {7, 3, 5}, {64, 64, 64}, {130, 67, 71}})
    for (Activation activation : {Activation::none, Activation::relu, Activation::gelu})
      for (bool bias : {false, true}) {
        std::vector<Shape> shapes = {{N, I}, {I, O}};
        if (bias) shapes.push_back({O});
        check(
            shapes,
            [&](Tape& tape, const auto& in) {
              return linear(tape, in[0], in[1], bias ? in[2] : Variable{}, activation);
            },
            [&, N = N, I = I, O = O](const auto& in) {
              return plain_linear(in, N, I, O, false, activation);
            });
      }
}

TEST_CASE("linear_transposed is x Wᵀ + b") {
  for (const auto& [N, I, O] : {std::array{1, 1, 1}, {7, 3, 5}, {64, 64, 64}, {130, 67, 71}})
    for (bool bias : {false, true}) {
      std::vector<Shape> shapes = {{N, I}, {O, I}};
      if (bias) shapes.push_back({O});
      check(
          shapes,
          [&](Tape& tape, const auto& in) {
            return linear_transposed(tape, in[0], in[1], bias ? in[2] : Variable{});
          },
          [&, N = N, I = I, O = O](const auto& in) {
            return plain_linear(in, N, I, O, true, Activation::none);
          });
    }
}

TEST_CASE("relu lets NaN through") {
  Arena arena;
  Tape tape(arena, false);
  Variable x = tape.variable({1, 1}), w = tape.variable({1, 1});
  x.value.data[0] = std::numeric_limits<float>::quiet_NaN();
  w.value.data[0] = 1.0f;
  CHECK(std::isnan(linear(tape, x, w, {}, Activation::relu).value.data[0]));
}

TEST_CASE("layer_norm centres and scales every row") {
  for (const auto& [N, C] : {std::array{1, 2}, {9, 5}, {64, 16}, {150, 67}})
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

TEST_CASE("cross_entropy is the mean of −log softmax at the targets") {
  for (const auto& [N, V] : {std::array{1, 1}, {5, 2}, {64, 8}, {131, 67}}) {
    const auto targets = whole_numbers("targets", N, V);
    check(
        {{N, V}}, [&](Tape& tape, const auto& in) { return cross_entropy(tape, in[0], targets); },
        [&, N = N, V = V](const auto& in) {
          using std::exp, std::log;
          auto loss = 0.0 * in[0][0];
          for (int n = 0; n < N; ++n) {
            auto sum = 0.0 * in[0][0];
            for (int v = 0; v < V; ++v) sum += exp(in[0][n * V + v]);
            loss += (log(sum) - in[0][n * V + targets[n]]) / N;
          }
          return std::vector{loss};
        });
  }
}

TEST_CASE("cross_entropy stays finite for huge logits") {
  Arena arena;
  Tape tape(arena);
  Variable logits = tape.variable({1, 3});
  logits.value.data[0] = 3e4f, logits.value.data[1] = 0.0f, logits.value.data[2] = -3e4f;
  const std::vector<int32_t> target = {1};
  const Variable loss = cross_entropy(tape, logits, target);
  tape.backward(loss);
  CHECK(loss.value.data[0] == 3e4f);
  CHECK(copy(logits.grad) == std::vector<float>{1.0f, -1.0f, 0.0f});
}

TEST_CASE("rotate turns pairs of channels of queries and keys only") {
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
          Variable qkv = add(tape, in[0], tape.variable(in[0].shape()));
          std::copy_n(in[0].value.data, qkv.value.size(), qkv.value.data);
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

// Query i sees keys i − 5 … i + 2: tiles whose keys begin late and end early.
struct Window : KeyRange {
  int64_t begin(int64_t query, int64_t) const override { return std::max<int64_t>(0, query - 5); }
  int64_t end(int64_t query, int64_t tokens) const override { return std::min(tokens, query + 3); }
};
struct Full : KeyRange {
  int64_t begin(int64_t, int64_t) const override { return 0; }
  int64_t end(int64_t, int64_t tokens) const override { return tokens; }
};
struct UpTo : Full {
  int64_t end(int64_t query, int64_t) const override { return query + 1; }
};

// Asymmetric, so that query and key cannot be confused.
double bias_of(int64_t head, int32_t query, int32_t key) {
  return 0.01 * static_cast<double>(head + 1) * (query - 2 * key % 7);
}
struct AnyBias : ScoreBias {
  void add(int64_t head, int32_t query, const int32_t* keys, float* row, int64_t n) const override {
    for (int64_t j = 0; j < n; ++j) row[j] += static_cast<float>(bias_of(head, query, keys[j]));
  }
};

struct AttentionCase {
  int B, T, H, D;
  const KeyRange* mask;
  bool biased;
  std::vector<int32_t> positions;
  int C() const { return H * D; }
};

// Scores (−∞ where hidden) and pattern of one query of one head; then the mix of values.
template <class S>
struct Row {
  std::vector<S> scores, pattern;
};
template <class S>
Row<S> plain_row(const AttentionCase& a, const std::vector<S>& qkv, int b, int h, int i) {
  using std::exp;
  Row<S> row{std::vector<S>(a.T, S(-std::numeric_limits<double>::infinity())),
             std::vector<S>(a.T, S(0.0))};
  const auto at = [&](int t, int part, int d) {
    return qkv[(b * a.T + t) * 3 * a.C() + part * a.C() + h * a.D + d];
  };
  S sum(0.0);
  for (int64_t j = a.mask->begin(i, a.T); j < a.mask->end(i, a.T); ++j) {
    S s(a.biased ? bias_of(h, a.positions[i], a.positions[j]) : 0.0);
    for (int d = 0; d < a.D; ++d) s += at(i, 0, d) * at(j, 1, d) / std::sqrt(a.D);
    row.scores[j] = s;
    sum += row.pattern[j] = exp(s);
  }
  for (S& p : row.pattern) p = p / sum;
  return row;
}

template <class S>
std::vector<S> plain_attention(const AttentionCase& a, const std::vector<S>& qkv) {
  std::vector<S> mix(a.B * a.T * a.C(), S(0.0));
  for (int b = 0; b < a.B; ++b)
    for (int h = 0; h < a.H; ++h)
      for (int i = 0; i < a.T; ++i) {
        const Row<S> row = plain_row(a, qkv, b, h, i);
        for (int j = 0; j < a.T; ++j)
          for (int d = 0; d < a.D; ++d) {
            const S& v = qkv[(b * a.T + j) * 3 * a.C() + 2 * a.C() + h * a.D + d];
            mix[(b * a.T + i) * a.C() + h * a.D + d] += row.pattern[j] * v;
          }
      }
  return mix;
}

AttentionSpec spec_of(const AttentionCase& a, const RowNormalizer& normalizer,
                      const ScoreBias& bias) {
  AttentionSpec spec;
  spec.batch = a.B, spec.tokens = a.T, spec.heads = a.H;
  spec.mask = a.mask;
  spec.normalizer = &normalizer;
  spec.bias = a.biased ? &bias : nullptr;
  spec.positions = a.positions.data();
  return spec;
}

template <class F>
void for_every_attention(const F& f) {
  const Window window;
  const Full full;
  const UpTo up_to;
  for (const auto& [B, T, H, D] :
       {std::array{3, 1, 1, 1}, {2, 7, 2, 4}, {1, 64, 1, 8}, {2, 65, 3, 5}, {1, 150, 2, 17}})
    for (const KeyRange* mask :
         {static_cast<const KeyRange*>(&window), static_cast<const KeyRange*>(&full),
          static_cast<const KeyRange*>(&up_to)})
      for (bool biased : {false, true}) {
        INFO("B ", B, ", T ", T, ", H ", H, ", D ", D, ", biased ", biased);
        f(AttentionCase{B, T, H, D, mask, biased, whole_numbers("positions", T, T)});
      }
}

TEST_CASE("attention mixes the values of the visible keys") {
  const Kind<Normalizer> softmax("softmax");
  const AnyBias bias;
  for_every_attention([&](const AttentionCase& a) {
    check(
        {{a.B * a.T, 3 * a.C()}},
        [&](Tape& tape, const auto& in) {
          return attention(tape, in[0], spec_of(a, *softmax, bias));
        },
        [&](const auto& in) { return plain_attention(a, in[0]); });
  });
}

TEST_CASE("attention shows its scores and pattern, hidden entries −inf and 0") {
  const Kind<Normalizer> softmax("softmax");
  const AnyBias bias;
  for_every_attention([&](const AttentionCase& a) {
    Arena arena;
    Tape tape(arena, false);
    const std::vector<float> values = noise("input 0", a.B * a.T * 3 * a.C());
    Variable qkv = tape.variable({a.B * a.T, 3 * a.C()});
    std::copy(values.begin(), values.end(), qkv.value.data);
    AttentionSpec spec = spec_of(a, *softmax, bias);
    spec.scores = arena.tensor({a.B, a.H, a.T, a.T});
    spec.pattern = arena.tensor({a.B, a.H, a.T, a.T});
    attention(tape, qkv, spec);
    const std::vector<double> exact(values.begin(), values.end());
    for (int b = 0; b < a.B; ++b)
      for (int h = 0; h < a.H; ++h)
        for (int i = 0; i < a.T; ++i) {
          const Row<double> row = plain_row(a, exact, b, h, i);
          const float* scores = spec.scores.row((b * a.H + h) * a.T + i);
          const float* pattern = spec.pattern.row((b * a.H + h) * a.T + i);
          for (int j = 0; j < a.T; ++j) {
            const bool visible = j >= a.mask->begin(i, a.T) && j < a.mask->end(i, a.T);
            // A score is a difference of products, so its error goes with their size, not its own.
            if (visible)
              REQUIRE(std::abs(scores[j] - row.scores[j]) < 5e-6);
            else
              REQUIRE(scores[j] == -std::numeric_limits<float>::infinity());
            REQUIRE(std::abs(pattern[j] - row.pattern[j]) <= (visible ? 1e-6 : 0.0));
          }
        }
  });
}

TEST_CASE("a tape that does not record gives the same values and no gradients") {
  Arena arena;
  Tape recording(arena), silent(arena, false);
  Variable x = recording.variable({70, 5}), w = recording.variable({5, 9});
  for (Variable* v : {&x, &w}) {
    const auto values = noise("input", v->value.size());
    std::copy(values.begin(), values.end(), v->value.data);
  }
  const Variable a = linear(recording, x, w, {}, Activation::gelu);
  const Variable b = linear(silent, x, w, {}, Activation::gelu);
  CHECK(copy(a.value) == copy(b.value));
  CHECK(a.wants_grad());
  CHECK_FALSE(b.wants_grad());
}

}  // namespace
}  // namespace waiver
