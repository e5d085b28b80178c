#include "autograd/recompute.h"

#include <doctest/doctest.h>

#include "core/threads.h"
#include "datasets.h"
#include "train/trainer.h"
#include "train/validation.h"

using namespace waiver;

namespace {

struct Trained {
  std::vector<float> weights;
  std::vector<double> losses;
  size_t peak = 0;

  bool operator==(const Trained& other) const {
    return weights == other.weights && losses == other.losses;
  }
};

// Some updates and a validation; no update after the first asks the system for memory.
Trained train(const ModelConfig& model, TrainConfig train, bool recompute, int threads = 2) {
  const int before = waiver::threads();
  set_threads(threads);
  const auto data = train.objective->apply(open_data("bigram_backcopy_random", model.context), 0);
  Transformer transformer(model, data->vocabulary(), 3);
  train.recompute = recompute;
  train.clip = 0.5;
  Trainer trainer(train, transformer, *data, 5);
  Trained out;
  size_t asked = 0;
  for (int64_t step = 0; step < 4; ++step) {
    out.losses.push_back(trainer.update(step).loss);
    out.peak = trainer.arena().peak();
    if (step == 1) asked = trainer.arena().allocations();
  }
  CHECK(trainer.arena().allocations() == asked);
  out.losses.push_back(validation_loss(transformer, *data, {5, 6, 4}, trainer.arena()));
  const auto values = transformer.parameters().values();
  out.weights.assign(values.begin(), values.end());
  set_threads(before);
  return out;
}

ModelConfig deep_model() {
  ModelConfig model;
  model.layers = 8;
  model.heads = 2;
  model.width = 32;
  model.context = 70;
  model.mlp.width = 96;
  model.dropout.residual = model.dropout.attention = 0.2;
  return model;
}

}  // namespace

TEST_CASE("recompute changes no bit and takes much less memory") {
  for (const char* objective : {"next_token", "masked_token"})
    for (const Precision precision : {Precision::float32, Precision::bfloat16})
      for (const int64_t accumulate : {1, 2}) {
        CAPTURE(objective);
        CAPTURE(accumulate);
        ModelConfig model = deep_model();
        model.precision = precision;
        if (accumulate == 2) model.norm.place = NormPlace::sandwich;
        TrainConfig config;
        config.batch = 12;
        config.accumulate = accumulate;
        config.objective.set(objective);
        const Trained kept = train(model, config, false), anew = train(model, config, true);
        CHECK(anew == kept);
        CHECK(train(model, config, true, 1) == kept);
        CHECK(3 * anew.peak < kept.peak);
      }
}

TEST_CASE("a block of neither attention nor MLP is passed through") {
  ModelConfig model = deep_model();
  model.layers = 3;
  model.attention.absent = model.mlp.absent = {1};
  TrainConfig config;
  config.batch = 3;
  CHECK(train(model, config, true) == train(model, config, false));
}
