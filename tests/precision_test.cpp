#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "autograd/ops/attention.h"
#include "autograd/ops/attention_tile.h"
#include "autograd/ops/ops.h"
#include "core/products/gemm.h"
#include "core/products/rounded.h"
#include "core/random.h"
#include "core/threads.h"
#include "data/dataset.h"
#include "model/attention/normalizer.h"
#include "model/intervention.h"
#include "reference/scalar.h"
#include "runs.h"
#include "train/trainer.h"

using namespace waiver;

namespace {

Tensor normals(Arena& arena, int64_t rows, int64_t columns, const char* name) {
  Tensor t = arena.tensor({rows, columns});
  for (int64_t i = 0; i < t.size(); ++i) t.data[i] = static_cast<float>(Random(1, name).normal(i));
  return t;
}

struct Threads {
  explicit Threads(int count) { set_threads(count); }
  ~Threads() { set_threads(before); }
  int before = threads();
};

/// A causal window and the first 32 keys.
struct WindowAfterPrefix : KeyMask {
  explicit WindowAfterPrefix(int64_t keys) : window(keys) {}
  VisibleKeys visible(int64_t i, int64_t) const override {
    if (i < window + 32) return {{}, {0, i + 1}};
    return {{0, 32}, {i + 1 - window, i + 1}};
  }
  int64_t window;
};

// Matrices in double precision, row by row.
struct Matrix {
  int64_t rows, columns;
  std::vector<double> numbers = std::vector<double>(rows * columns);

  double& at(int64_t r, int64_t c) { return numbers[r * columns + c]; }
  double at(int64_t r, int64_t c) const { return numbers[r * columns + c]; }
  Matrix transposed() const {
    Matrix out{columns, rows};
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) out.at(c, r) = at(r, c);
    return out;
  }
  Matrix rounded() const {
    Matrix out = *this;
    for (double& x : out.numbers) x = as_input(static_cast<float>(x), Precision::bfloat16);
    return out;
  }
  Matrix sum_of_rows() const {
    Matrix out{1, columns};
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) out.at(0, c) += at(r, c);
    return out;
  }
};
Matrix matrix(const Tensor& t) {
  Matrix out{t.shape.rank == 2 ? t.dim(0) : 1, t.shape[-1]};
  out.numbers.assign(t.data, t.data + t.size());
  return out;
}
// A B + bias, of the rounded numbers.
Matrix product(const Matrix& a, const Matrix& b, const Matrix& bias = {0, 0}) {
  const Matrix x = a.rounded(), y = b.rounded();
  Matrix out{a.rows, b.columns};
  for (int64_t r = 0; r < out.rows; ++r) {
    for (int64_t c = 0; c < out.columns && bias.rows > 0; ++c) out.at(r, c) = bias.at(0, c);
    for (int64_t k = 0; k < a.columns; ++k)
      for (int64_t c = 0; c < out.columns; ++c) out.at(r, c) += x.at(r, k) * y.at(k, c);
  }
  return out;
}
// ‖x − y‖ / ‖y‖.
double distance(const Matrix& x, const Matrix& y) {
  REQUIRE(x.numbers.size() == y.numbers.size());
  double difference = 0, size = 0;
  for (size_t i = 0; i < y.numbers.size(); ++i) {
    difference += std::pow(x.numbers[i] - y.numbers[i], 2);
    size += std::pow(y.numbers[i], 2);
  }
  return std::sqrt(difference / size);
}

std::vector<float> trained(int count, Precision precision) {
  const Threads threads(count);
  ModelConfig config;
  config.width = 48;
  config.heads = 3;
  config.context = 90;
  config.mlp.width = 72;
  config.precision = precision;
  config.attention.gate.set("value");
  config.attention.slot.set("key_value");
  const auto data = Kind<Dataset>("bigram_backcopy_random").make();
  data->open(config.context);
  Transformer model(config, data->vocabulary(), 3);
  TrainConfig train;
  train.batch = 6;
  Trainer trainer(train, model, *data, 3);
  for (int64_t step = 0; step < 4; ++step) trainer.update(step);
  const auto values = model.parameters().values();
  return {values.begin(), values.end()};
}

}  // namespace

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

// activation(x) and its derivative.
std::pair<double, double> value_and_slope(Activation activation, double x) {
  if (activation == Activation::relu) return {std::max(x, 0.0), x > 0 ? 1.0 : 0.0};
  if (activation == Activation::gelu_tanh) {
    reference::Dual at(x);
    at.slopes[0] = 1;
    const reference::Dual y = reference::gelu_tanh(at);
    return {y.value, y.slopes[0]};
  }
  const double cdf = 0.5 * std::erfc(-x / std::sqrt(2.0));
  return {x * cdf, cdf + x * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0))};
}

// Several tiles a task, parts of columns that are no multiple of a part's width, a sum of two
// pieces.
TEST_CASE("an mlp in bfloat16 is that of the rounded numbers, forward and backward") {
  struct Sizes {
    int64_t N, I, M, O;
  };
  for (const auto& [N, I, M, O] : {Sizes{900, 6, 600, 3}, {70, 4200, 300, 5}, {1, 3, 7, 2}})
    for (const Activation activation :
         {Activation::relu, Activation::gelu, Activation::gelu_tanh}) {
      INFO(N, " rows, ", M, " hidden");
      Arena arena;
      Tape tape(arena);
      tape.set_precision(Precision::bfloat16);
      const auto input = [&](const Shape& shape, double scale, const char* name) {
        const Variable x = tape.variable(shape);
        for (int64_t i = 0; i < x.value.size(); ++i)
          x.value.data[i] = static_cast<float>(scale * Random(2, name).normal(i));
        std::fill_n(x.grad.data, x.grad.size(), 0.0f);
        return x;
      };
      const double slope = 1 / std::sqrt(static_cast<double>(I));
      const Variable x = input({N, I}, 1, "x");
      const Affine up{input({I, M}, slope, "up"), input({M}, 0.1, "up bias")},
          down{input({M, O}, 0.1, "down"), input({O}, 0.1, "down bias")};
      const Variable y = mlp(tape, x, up, activation, down);
      for (int64_t i = 0; i < y.grad.size(); ++i)
        y.grad.data[i] = static_cast<float>(Random(2, "dy").normal(i));
      y.first_gradient();
      const Matrix dy = matrix(y.grad);
      tape.backward(tape.variable({1}));

      Matrix z = product(matrix(x.value), matrix(up.weight.value), matrix(up.bias.value));
      Matrix h = z, dz = product(dy, matrix(down.weight.value).transposed());
      for (size_t i = 0; i < z.numbers.size(); ++i) {
        const auto [value, slope_there] = value_and_slope(activation, z.numbers[i]);
        h.numbers[i] = value;
        dz.numbers[i] *= slope_there;
      }
      // A hidden number whose rounding float32 and double decide differently moves by 2⁻⁸ of
      // itself.
      constexpr double near = 2e-4;
      CHECK(distance(matrix(y.value),
                     product(h, matrix(down.weight.value), matrix(down.bias.value))) < near);
      CHECK(distance(matrix(x.grad), product(dz, matrix(up.weight.value).transposed())) < near);
      CHECK(distance(matrix(up.weight.grad), product(matrix(x.value).transposed(), dz)) < near);
      CHECK(distance(matrix(up.bias.grad), dz.sum_of_rows()) < near);
      CHECK(distance(matrix(down.weight.grad), product(h.transposed(), dy)) < near);
      CHECK(distance(matrix(down.bias.grad), dy.sum_of_rows()) < near);
    }
}

// In a batch of 8 each tile has 128 queries and the keys are cut into 8 pieces; in a sequence alone
// it has 64, and there are 16 pieces.
TEST_CASE("attention in bfloat16 gives a sequence the same in a batch and alone") {
  constexpr int64_t B = 8, T = 1100, D = 16;
  double dropout = 0;
  WindowAfterPrefix mask{T};
  SUBCASE("causal") {}
  SUBCASE("a window after a prefix, and dropout") {
    mask.window = 200;
    dropout = 0.1;
  }
  const auto softmax = Kind<Normalizer>("softmax").make();
  Arena arena;
  const Tensor qkv = normals(arena, B * T, 3 * D, "qkv"), dout = normals(arena, B * T, D, "out");
  struct Result {
    Tensor out, grad;
  };
  const auto attend = [&](int64_t first, int64_t batch) {
    Tape tape(arena);
    tape.set_precision(Precision::bfloat16);
    tape.set_sequences(batch);
    const Variable x = tape.variable({batch * T, 3 * D});
    std::copy_n(qkv.row(first * T), x.value.size(), x.value.data);
    AttentionSpec spec;
    spec.batch = batch;
    spec.tokens = T;
    spec.heads = 1;
    spec.scale = 0.25f;
    spec.precision = Precision::bfloat16;
    spec.mask = &mask;
    spec.normalizer = softmax.get();
    spec.dropout = dropout;
    spec.first_sequence = first;
    REQUIRE(attention_tile::queries_of_tile(spec) == (batch == B ? 128 : 64));
    const Variable out = attention(tape, x, spec);
    std::copy_n(dout.row(first * T), out.grad.size(), out.grad.data);
    out.first_gradient();
    tape.backward(tape.variable({1}));
    return Result{out.value, x.grad};
  };
  const Result all = attend(0, B);
  for (int64_t b = 0; b < B; ++b) {
    const Result one = attend(b, 1);
    for (const auto& [x, y] : {std::pair{all.out, one.out}, {all.grad, one.grad}}) {
      double difference = 0, size = 0;
      for (int64_t i = 0; i < y.size(); ++i) {
        const double value = y.data[i];
        difference += std::pow(x.row(b * T)[i] - value, 2);
        size += value * value;
      }
      CHECK(std::sqrt(difference / size) < 1e-6);  // sums in another order: 3e-7
    }
  }
}

TEST_CASE("bfloat16 trains to the same bits with 1, 2 and 3 threads, and to others than float32") {
  const std::vector<float> one = trained(1, Precision::bfloat16);
  CHECK(trained(2, Precision::bfloat16) == one);
  CHECK(trained(3, Precision::bfloat16) == one);
  CHECK(trained(1, Precision::float32) != one);
}

namespace {

std::vector<std::string> rounding(const std::string& steps, std::vector<std::string> more) {
  more.insert(more.begin(), {"model.precision=bfloat16", "train.schedule={kind: constant}",
                             "train.steps=" + steps});
  return more;
}

}  // namespace

namespace {

// Multiplies the mix of all heads.
struct Scaling : Intervention {
  float factor;
  explicit Scaling(float f) : factor(f) {}
  bool edits(int64_t, Point point) const override {
    return point == Point::attn_in || point == Point::attn_mix;
  }
  void edit(int64_t, Point point, const Tensor& t) override {
    for (int64_t i = 0; point == Point::attn_mix && i < t.size(); ++i) t.data[i] *= factor;
  }
};

std::vector<float> logits(const Transformer& model, Intervention* intervention) {
  std::vector<int32_t> tokens(2 * 70);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i * i % 11);
  Arena arena;
  Tape tape(arena, false);
  Input input{tokens, 2, 70, {}};
  input.intervention = intervention;
  const Tensor t = model.forward(tape, input).value;
  return {t.data, t.data + t.size()};
}

}  // namespace

TEST_CASE("in bfloat16, products take the values that an intervention has edited") {
  ModelConfig config;
  config.width = 32;
  config.context = 70;
  config.precision = Precision::bfloat16;
  const Transformer model(config, 11, 4);
  Scaling none(1), twice(2), half(0.5f);
  const std::vector<float> natural = logits(model, nullptr);
  CHECK(logits(model, &none) == natural);
  CHECK(logits(model, &twice) != natural);

  Transformer other(config, 11, 4);  // whose mix counts twice, which the edit undoes exactly
  for (Parameter& p : other.parameters().all())
    for (int64_t i = 0; p.name.ends_with("attn.out.weight") && i < p.shape.size(); ++i)
      p.variable.value.data[i] *= 2;
  CHECK(logits(other, nullptr) != natural);
  CHECK(logits(other, &half) == natural);
}

TEST_CASE("a bfloat16 run has the same bits resumed, without probes and with any threads") {
  const Runs runs;
  REQUIRE(runs.train("whole", rounding("40", {"--threads", "1"})).status == 0);
  REQUIRE(runs.train("resumed", rounding("20", {"--threads", "2"})).status == 0);
  REQUIRE(runs.train("resumed", rounding("40", {"--threads", "3", "--resume"})).status == 0);
  REQUIRE(runs.train("unprobed", rounding("40", {"probe.every=0", "probe.snapshots=[]"})).status ==
          0);
  CHECK(weights(runs.at("resumed"), 40) == weights(runs.at("whole"), 40));
  CHECK(weights(runs.at("unprobed"), 40) == weights(runs.at("whole"), 40));
  CHECK(logged(runs.at("resumed")) == logged(runs.at("whole")));

  const Log log = Log::open(runs.at("whole") / "log.h5");
  CHECK(log.attribute("precision") == "bfloat16");
  CHECK(log.attribute("bfloat16_unit") == to_text(bfloat16_unit()));
}

TEST_CASE("a run resumed on another bfloat16 unit says so and records it") {
  const Runs runs;
  REQUIRE(runs.train("run", rounding("20", {})).status == 0);
  const auto path = runs.at("run") / "log.h5";
  const std::string unit = to_text(bfloat16_unit());
  for (const auto& [before, after] :
       {std::pair<std::string, std::string>{"one", "one, " + unit + " from step 20"},
        {"one, two from step 10", "one, two from step 10, " + unit + " from step 20"},
        {unit + ", two from step 20", unit}}) {
    Log log = Log::open(path);
    log.set_attribute("bfloat16_unit", before);
    log.flush();
    const Ended ended = runs.train("run", rounding("30", {"--resume"}));
    INFO(ended.output);
    REQUIRE(ended.status == 0);
    CHECK(Log::open(path).attribute("bfloat16_unit") == after);
    CHECK(contains(ended.output, "until step 20 this run multiplied bfloat16 numbers with") ==
          (after != unit));
    std::filesystem::remove_all(runs.at("run") / "checkpoints" / "step-00000030");
  }
  REQUIRE(runs.train("plain", {"train.steps=1"}).status == 0);
  CHECK(Log::open(runs.at("plain") / "log.h5").attribute("precision") == "float32");
  CHECK(Log::open(runs.at("plain") / "log.h5").attribute("bfloat16_unit").empty());
}
