#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "autograd/ops/attention/attention.h"
#include "autograd/ops/attention/tile.h"
#include "autograd/ops/ops.h"
#include "core/products/gemm.h"
#include "core/random.h"
#include "data/dataset.h"
#include "model/attention/normalizer.h"
#include "model/intervention.h"
#include "normals.h"
#include "reference/scalar.h"
#include "runs.h"
#include "threads_of_scope.h"
#include "train/trainer.h"

using namespace waiver;

namespace {

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
// ‖x − y‖ / ‖y‖ over n numbers.
template <class Number>
double distance(const Number* x, const Number* y, int64_t n) {
  double difference = 0, size = 0;
  for (int64_t i = 0; i < n; ++i) {
    difference += std::pow(static_cast<double>(x[i]) - y[i], 2);
    size += std::pow(static_cast<double>(y[i]), 2);
  }
  return std::sqrt(difference / size);
}
double distance(const Matrix& x, const Matrix& y) {
  REQUIRE(x.numbers.size() == y.numbers.size());
  return distance(x.numbers.data(), y.numbers.data(), std::ssize(y.numbers));
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

struct Attended {
  Tensor out, grad;
};
// Self-attention in bfloat16 and its gradient, of sequences of `T` tokens that begin every `apart`
// rows of `qkv` and of `dout`, ∂L/∂out.
Attended attend(Arena& arena, AttentionSpec spec, const Tensor& qkv, const Tensor& dout,
                int64_t apart, int64_t T) {
  const auto softmax = Kind<Normalizer>("softmax").make();
  Tape tape(arena);
  tape.set_precision(Precision::bfloat16);
  tape.set_sequences(spec.batch);
  const Variable x = tape.variable({spec.batch * T, qkv.dim(1)});
  for (int64_t b = 0; b < spec.batch; ++b)
    std::copy_n(qkv.row((spec.first_sequence + b) * apart), T * qkv.dim(1), x.value.row(b * T));
  spec.tokens = T;
  spec.scale = 0.25f;
  spec.precision = Precision::bfloat16;
  spec.normalizer = softmax.get();
  const Variable out = attention(tape, x, spec);
  for (int64_t b = 0; b < spec.batch; ++b)
    std::copy_n(dout.row((spec.first_sequence + b) * apart), T * dout.dim(1), out.grad.row(b * T));
  out.first_gradient();
  tape.backward(tape.variable({1}));
  return {out.value, x.grad};
}

}  // namespace

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
  WindowAfterPrefix mask{T};
  AttentionSpec spec;
  spec.heads = 1;
  spec.mask = &mask;
  SUBCASE("causal") {}
  SUBCASE("a window after a prefix, and dropout") {
    mask.window = 200;
    spec.dropout = 0.1;
  }
  Arena arena;
  const Tensor qkv = normals(arena, B * T, 3 * D, "qkv"), dout = normals(arena, B * T, D, "out");
  const auto some = [&](int64_t first, int64_t batch) {
    spec.first_sequence = first;
    spec.batch = batch;
    AttentionSpec tiles = spec;
    tiles.tokens = T;
    tiles.precision = Precision::bfloat16;
    REQUIRE(attention_tile::queries_of_tile(tiles) == (batch == B ? 128 : 64));
    return attend(arena, spec, qkv, dout, T, T);
  };
  const Attended all = some(0, B);
  for (int64_t b = 0; b < B; ++b) {
    const Attended one = some(b, 1);
    // Sums in another order: 3e-7; 6e-6 where one decides, with AVX2, how a number is rounded.
    const double most = gemm_instruction_set() == "AVX-512" ? 1e-6 : 1e-5;
    CHECK(distance(all.out.row(b * T), one.out.data, one.out.size()) < most);
    CHECK(distance(all.grad.row(b * T), one.grad.data, one.grad.size()) < most);
  }
}

// Whole panels of keys can be laid out once for AMX; one token more, which no other sees and no
// loss is made of, and each product lays out its own. The bits of a product do not depend on that.
TEST_CASE("attention in bfloat16 is the same whether keys and values lie in panels or not") {
  struct Sizes {
    int64_t B, T, H, D;
  };
  for (const auto& [B, T, H, D] : {Sizes{16, 160, 4, 64}, {32, 544, 2, 32}}) {
    Arena arena;
    const int64_t apart = T + 1, width = H * D;
    const Tensor qkv = normals(arena, B * apart, 3 * width, "qkv"),
                 dout = normals(arena, B * apart, width, "out");
    for (int64_t b = 0; b < B; ++b) std::fill_n(dout.row(b * apart + T), width, 0.0f);
    for (const int64_t window : {T, T / 4}) {
      INFO(T, " tokens, ", D, " channels of a head, window ", window);
      const WindowAfterPrefix mask{window};
      AttentionSpec spec;
      spec.batch = B;
      spec.heads = H;
      spec.mask = &mask;
      const Attended panels = attend(arena, spec, qkv, dout, apart, T),
                     rows = attend(arena, spec, qkv, dout, apart, T + 1);
      const double most = bfloat16_unit() == Bfloat16Unit::amx ? 0 : 1e-5;
      for (int64_t b = 0; b < B; ++b) {
        CHECK(distance(panels.out.row(b * T), rows.out.row(b * apart), T * width) <= most);
        CHECK(distance(panels.grad.row(b * T), rows.grad.row(b * apart), T * 3 * width) <= most);
      }
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
