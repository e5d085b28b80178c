#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/fields/set_fields.h"
#include "data/dataset.h"
#include "probe/prober.h"
#include "train/trainer.h"
#include "train/validation.h"

using namespace waiver;

namespace {

ModelConfig tiny_model() {
  ModelConfig config;
  config.layers = 2;
  config.heads = 2;
  config.width = 16;
  config.context = 20;
  config.mlp.width = 24;
  config.attention.bias = AttentionBias::all;
  return config;
}

std::unique_ptr<Dataset> tiny_data(const std::string& objective = "next_token") {
  auto data = Kind<Dataset>("bigram_backcopy_random").make();
  data->open(20);
  return Kind<Objective>(objective)->apply(std::move(data), 0);
}

}  // namespace

TEST_CASE("masked tokens keep the document boundaries of the whole sequence") {
  // Every token is hidden, so that only the mask can tell the two models apart.
  auto hide = Kind<Objective>("masked_token").make();
  SetFields options({{"rate", 1.0}, {"mask", 1.0}, {"random", 0.0}});
  hide->options(options);
  auto source = Kind<Dataset>("bigram_backcopy_random").make();
  source->open(20);
  const auto data = hide->apply(std::move(source), 0);
  TrainConfig train;
  train.batch = 4;
  std::vector<double> losses, validation, probed;
  for (const double separator : {-1.0, 60.0}) {
    ModelConfig config = tiny_model();
    config.attention.mask.set("bidirectional");
    SetFields part({{"separator", separator}});
    config.attention.mask->options(part);
    Transformer model(config, data->vocabulary(), 1);
    Arena arena;
    validation.push_back(validation_loss(model, *data, {0, 8, 8}, arena));
    Prober prober(model, *data, ProbeConfig{}, 0);
    prober.measure();
    probed.push_back(prober.find("loss")->front());
    losses.push_back(Trainer(train, model, *data, 0).update(0).loss);
  }
  CHECK(losses[0] != losses[1]);
  CHECK(validation[0] != validation[1]);
  CHECK(probed[0] != probed[1]);
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
  s.kind = ScheduleKind::linear;
  CHECK(schedule_factor(s, 9, 109) == 1);
  CHECK(schedule_factor(s, 59, 109) == doctest::Approx(0.55));
  CHECK(schedule_factor(s, 109, 109) == doctest::Approx(0.1));
  s.kind = ScheduleKind::cosine;
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
    return validation_loss(Transformer(m, data->vocabulary(), 0), *data, {0, 16, 8}, arena);
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
    data->batch(5, Split::validation, 3 * i, batch);
    Tape tape(arena, false);
    const Variable logits = model.forward(tape, {batch.inputs, 3, 20});
    const auto targets = static_cast<double>(count_targets(batch.targets));
    sum += targets * cross_entropy(tape, logits, batch.targets).value.data[0];
    count += targets;
  }
  CHECK(count < 4 * 3 * 20 / 2);
  CHECK(validation_loss(model, *data, {5, 12, 3}, arena) == doctest::Approx(sum / count));
}

TEST_CASE("frozen parameters do not move, whatever the optimizer and its decay") {
  const auto data = tiny_data();
  for (const auto& entry : registry<Optimizer>()) {
    INFO(std::string(entry.name));
    TrainConfig config;
    config.batch = 4;
    config.freeze = {"embed.*", "blocks.0.*.weight", "*.gain"};
    config.optimizer.set(entry.name);
    SetFields decay({{"weight_decay", 0.5}});
    config.optimizer->options(decay);
    Transformer model(tiny_model(), data->vocabulary(), 0);
    const Transformer start(tiny_model(), data->vocabulary(), 0);
    Trainer trainer(config, model, *data, 0);
    for (int64_t step = 0; step < 3; ++step) trainer.update(step);
    int frozen = 0;
    for (size_t i = 0; i < model.parameters().all().size(); ++i) {
      const Parameter &p = model.parameters().all()[i], &before = start.parameters().all()[i];
      INFO(p.name);
      const bool still = std::any_of(config.freeze.begin(), config.freeze.end(),
                                     [&](const auto& pattern) { return matches(pattern, p.name); });
      const float *w = p.variable.value.data, *w0 = before.variable.value.data;
      CHECK(std::equal(w, w + p.shape.size(), w0) == still);
      frozen += still;
    }
    CHECK(frozen == 11);
  }
}

TEST_CASE("norm and clip see the gradients of what is not frozen") {
  const auto data = tiny_data();
  TrainConfig config;
  config.batch = 4;
  Transformer all(tiny_model(), data->vocabulary(), 0), some(tiny_model(), data->vocabulary(), 0);
  Trainer(config, all, *data, 0).update(0);
  config.freeze = {"blocks.*"};
  const double norm = Trainer(config, some, *data, 0).update(0).grad_norm;
  double squares = 0;
  for (const Parameter& p : all.parameters().all())
    for (int64_t i = 0; i < p.shape.size() && !matches("blocks.*", p.name); ++i)
      squares += std::pow(p.variable.grad.data[i], 2.0);
  CHECK(norm == doctest::Approx(std::sqrt(squares)).epsilon(1e-6));
}

TEST_CASE("patterns match whole names, and a pattern of nothing is refused") {
  CHECK(matches("embed.*", "embed.token.weight"));
  CHECK(matches("*", "output.weight"));
  CHECK(matches("blocks.*.bias", "blocks.0.attn.qkv.bias"));
  CHECK(matches("output.weight", "output.weight"));
  CHECK(!matches("output", "output.weight"));
  CHECK(!matches("weight", "output.weight"));
  CHECK(!matches("blocks.1.*", "blocks.10.norm1.gain"));
  CHECK(!matches("*.bias", "output.weight"));
  const auto data = tiny_data();
  TrainConfig config;
  config.freeze = {"embeds.*"};
  Transformer model(tiny_model(), data->vocabulary(), 0);
  CHECK_THROWS_WITH_AS(Trainer(config, model, *data, 0), doctest::Contains("matches embeds.*"),
                       UsageError);
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
  SetFields fast({{"lr", 3e-3}});
  config.optimizer->options(fast);
  ModelConfig wide = tiny_model();
  wide.width = 32;
  Transformer model(wide, data->vocabulary(), 0);
  Trainer trainer(config, model, *data, 0);
  Arena arena;
  const double before = validation_loss(model, *data, {0, 64, 32}, arena);
  for (int64_t step = 0; step < config.steps; ++step) trainer.update(step);
  const double after = validation_loss(model, *data, {0, 64, 32}, arena);
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
