#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "data/dataset.h"
#include "train/trainer.h"

using namespace waiver;

namespace {

ModelConfig tiny_model() {
  ModelConfig config;
  config.layers = 2;
  config.heads = 2;
  config.width = 16;
  config.context = 20;
  config.mlp.width = 24;
  config.attention.bias = true;
  return config;
}

std::unique_ptr<Dataset> tiny_data(const std::string& objective = "next_token") {
  auto data = Kind<Dataset>("bigram_backcopy_random").make();
  data->open(20);
  return Kind<Objective>(objective)->apply(std::move(data));
}

// Reads the options of an optimizer from {name, value} pairs.
class SetNumbers : public FieldVisitor {
 public:
  using Numbers = std::vector<std::pair<std::string_view, double>>;
  explicit SetNumbers(Numbers given, std::string which = "all")
      : numbers(std::move(given)), decay(std::move(which)) {}
  Numbers numbers;
  std::string decay;
  void field(std::string_view, int64_t&, Range, std::string_view) override {}
  void field(std::string_view name, double& value, Range, std::string_view) override {
    for (const auto& [n, v] : numbers)
      if (n == name) value = v;
  }
  void field(std::string_view, bool&, std::string_view) override {}
  void field(std::string_view, std::string&, bool, std::string_view) override {}
  void field(std::string_view, std::vector<int64_t>&, size_t, Range, std::string_view) override {}
  void field(std::string_view, std::vector<double>&, size_t, Range, std::string_view) override {}
  void choice(std::string_view name, std::string& value, std::span<const Choice>,
              std::string_view) override {
    if (name == "decay") value = decay;
  }
  void block(std::string_view, std::string_view,
             const std::function<void(FieldVisitor&)>&) override {}
  void kind(std::string_view, std::string&, std::span<const Choice>, std::string_view,
            const std::function<void(FieldVisitor&)>&) override {}
};

// A matrix and a vector with given weights, and gradients that change from step to step.
struct Weights {
  ParameterSet set;
  Parameter& matrix = set.add("m", {7, 5}, Init::normal(1));
  Parameter& vector = set.add("v", {5}, Init::normal(1));
  Weights() { set.allocate(3); }
  double gradient(int64_t step, const Parameter& p, int64_t i) const {
    return Random(9, p.name, step).normal(i);
  }
  void fill_gradients(int64_t step) {
    for (Parameter& p : set.all())
      for (int64_t i = 0; i < p.shape.size(); ++i)
        p.variable.grad.data[i] = static_cast<float>(gradient(step, p, i));
  }
};

// Runs 20 updates and compares every weight with `rule(w, g, state, step, decay)` in doubles.
template <class Rule>
void check_optimizer(const std::string& kind, SetNumbers options, double weight_decay,
                     const Rule& rule) {
  auto optimizer = Kind<Optimizer>(kind).make();
  optimizer->options(options);
  Weights weights;
  optimizer->build(weights.set);
  std::vector<double> w, state1(40, 0.0), state2(40, 0.0);
  for (const Parameter& p : weights.set.all())
    for (int64_t i = 0; i < p.shape.size(); ++i) w.push_back(p.variable.value.data[i]);
  for (int64_t step = 0; step < 20; ++step) {
    weights.fill_gradients(step);
    Update how;
    how.step = step;
    how.lr_factor = 0.5 + 0.01 * static_cast<double>(step);
    how.grad_factor = 0.25;
    optimizer->update(weights.set, how);
    size_t at = 0;
    for (const Parameter& p : weights.set.all())
      for (int64_t i = 0; i < p.shape.size(); ++i, ++at) {
        const double decay = options.decay == "all" || p.is_matrix() ? weight_decay : 0.0;
        const double g = 0.25 * static_cast<float>(weights.gradient(step, p, i));
        rule(w[at], g, state1[at], state2[at], how, decay);
        // Twenty steps of fp32 on weights of size 1.
        CHECK(p.variable.value.data[i] == doctest::Approx(w[at]).epsilon(2e-6).scale(1));
      }
  }
}

}  // namespace

TEST_CASE("AdamW makes the published updates, with decay on all or on matrices") {
  for (const char* decay : {"all", "matrices"})
    check_optimizer(
        "adamw", SetNumbers({{"lr", 0.02}, {"eps", 1e-6}, {"weight_decay", 0.3}}, decay), 0.3,
        [](double& w, double g, double& m, double& v, const Update& how, double wd) {
          const double lr = 0.02 * how.lr_factor, t = static_cast<double>(how.step + 1);
          m = 0.9 * m + 0.1 * g;
          v = 0.99 * v + 0.01 * g * g;
          w -= lr * wd * w;
          w -= lr * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.99, t))) + 1e-6);
        });
}

TEST_CASE("SGD with momentum makes the published updates") {
  check_optimizer("sgd", SetNumbers({{"lr", 0.02}, {"momentum", 0.8}, {"weight_decay", 0.1}}), 0.1,
                  [](double& w, double g, double& u, double&, const Update& how, double wd) {
                    u = 0.8 * u + g + wd * w;
                    w -= 0.02 * how.lr_factor * u;
                  });
}

TEST_CASE("schedules pass through their known values") {
  ScheduleConfig s;
  CHECK(schedule_factor(s, 0, 100) == 1);
  CHECK(schedule_factor(s, 99, 100) == 1);
  s.warmup = 9;
  CHECK(schedule_factor(s, 0, 109) == doctest::Approx(0.1));
  CHECK(schedule_factor(s, 8, 109) == doctest::Approx(0.9));
  CHECK(schedule_factor(s, 9, 109) == 1);
  s.final = 0.1;
  s.kind = "linear";
  CHECK(schedule_factor(s, 9, 109) == 1);
  CHECK(schedule_factor(s, 59, 109) == doctest::Approx(0.55));
  CHECK(schedule_factor(s, 109, 109) == doctest::Approx(0.1));
  s.kind = "cosine";
  CHECK(schedule_factor(s, 9, 109) == 1);
  CHECK(schedule_factor(s, 59, 109) == doctest::Approx(0.55));
  CHECK(schedule_factor(s, 34, 109) == doctest::Approx(0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5))));
  CHECK(schedule_factor(s, 109, 109) == doctest::Approx(0.1));
}

TEST_CASE(
    "parts of a batch add up to the whole batch, dropout included, whatever targets each has") {
  for (const char* objective : {"next_token", "masked_token"})
    for (double p : {0.0, 0.3}) {
      CAPTURE(objective);
      CAPTURE(p);
      const auto data = tiny_data(objective);
      TrainConfig whole;
      whole.batch = 12;
      whole.clip = 0.5;
      TrainConfig parts = whole;
      parts.accumulate = 4;
      ModelConfig config = tiny_model();
      config.dropout.residual = config.dropout.embedding = config.dropout.attention = p;
      Transformer a(config, data->vocabulary(), 0), b(config, data->vocabulary(), 0);
      Trainer first(whole, a, *data, 0), second(parts, b, *data, 0);
      const StepReport x = first.update(0), y = second.update(0);
      // Sums in another order.
      CHECK(x.loss == doctest::Approx(y.loss).epsilon(1e-6));
      CHECK(x.grad_norm == doctest::Approx(y.grad_norm).epsilon(1e-5));
      const auto g = a.parameters().grads(), h = b.parameters().grads();
      for (size_t i = 0; i < g.size(); ++i)
        REQUIRE(g[i] == doctest::Approx(h[i]).epsilon(1e-4).scale(1e-2));
    }
}

TEST_CASE("dropout is a function of seed and step, and validation has none") {
  const auto data = tiny_data();
  TrainConfig config;
  config.batch = 8;
  ModelConfig dropping = tiny_model();
  dropping.dropout.residual = 0.5;
  // The loss of a step, by a model that has made no step yet.
  const auto loss = [&](const ModelConfig& m, uint64_t seed, int64_t step) {
    Transformer model(m, data->vocabulary(), 0);
    return Trainer(config, model, *data, seed).update(step).loss;
  };
  CHECK(loss(dropping, 0, 3) == loss(dropping, 0, 3));
  CHECK(loss(dropping, 0, 3) != loss(tiny_model(), 0, 3));
  Arena arena;
  const auto validation = [&](const ModelConfig& m) {
    return validation_loss(Transformer(m, data->vocabulary(), 0), *data, 0, 8, 2, arena);
  };
  CHECK(validation(dropping) == validation(tiny_model()));
}

TEST_CASE("the validation loss is the mean over all targets of all batches") {
  const auto data = tiny_data("masked_token");
  const Transformer model(tiny_model(), data->vocabulary(), 0);
  Arena arena;
  double sum = 0, count = 0;
  Batch batch;
  batch.resize(3, 20);
  for (int64_t i = 0; i < 4; ++i) {
    data->batch(5, Split::validation, i, batch);
    Tape tape(arena, false);
    const Variable logits = model.forward(tape, {batch.inputs, 3, 20});
    const auto targets = static_cast<double>(count_targets(batch.targets));
    sum += targets * cross_entropy(tape, logits, batch.targets).value.data[0];
    count += targets;
  }
  CHECK(count < 4 * 3 * 20 / 2);
  CHECK(validation_loss(model, *data, 5, 3, 4, arena) == doctest::Approx(sum / count));
}

TEST_CASE("a steady training step asks the system for no activation memory") {
  const auto data = tiny_data("masked_token");
  TrainConfig config;
  config.batch = 300;  // enough that the first step outgrows the first block
  ModelConfig wide = tiny_model();
  wide.width = 64;
  Transformer model(wide, data->vocabulary(), 0);
  Trainer trainer(config, model, *data, 0);
  trainer.update(0);
  trainer.update(1);
  const size_t before = trainer.arena().allocations();
  for (int64_t step = 2; step < 6; ++step) trainer.update(step);
  CHECK(trainer.arena().allocations() == before);
  CHECK(before > 1);
}

TEST_CASE("training learns") {
  const auto data = tiny_data();
  TrainConfig config;
  config.batch = 32;
  config.steps = 300;
  SetNumbers fast({{"lr", 3e-3}});
  config.optimizer->options(fast);
  ModelConfig wide = tiny_model();
  wide.width = 32;
  Transformer model(wide, data->vocabulary(), 0);
  Trainer trainer(config, model, *data, 0);
  Arena arena;
  const double before = validation_loss(model, *data, 0, 32, 2, arena);
  for (int64_t step = 0; step < config.steps; ++step) trainer.update(step);
  const double after = validation_loss(model, *data, 0, 32, 2, arena);
  CHECK(before > 4.1);          // log 64 = 4.16: nothing is known
  CHECK(after < before - 0.5);  // a bigram table of 64 tokens has an entropy of about 3.6
}

TEST_CASE("what is not a number is found where it first appears") {
  const auto data = tiny_data();
  const TrainConfig config;
  for (const auto& [name, where] :
       {std::pair{"blocks.1.mlp.up.weight", "blocks.1.mlp.out"},
        std::pair{"blocks.0.attn.qkv.weight", "blocks.0.attn.qkv"},
        std::pair{"embed.position.weight", "embed"}, std::pair{"final.norm.gain", "final.norm"},
        std::pair{"output.weight", "logits"}}) {
    Transformer model(tiny_model(), data->vocabulary(), 0);
    Trainer trainer(config, model, *data, 0);
    for (Parameter& p : model.parameters().all())
      if (p.name == name) p.variable.value.data[3] = NAN;
    const std::string sentence = std::string("step 7, ") + where + ": the forward pass";
    CHECK_THROWS_WITH_AS(trainer.update(7), doctest::Contains(sentence.c_str()), NotFinite);
  }
}
