#include "autograd/recompute.h"

#include <doctest/doctest.h>

#include "core/random.h"
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

namespace {

// All logits and their gradient; the one in place of the other; or parts of them.
enum class Logits { apart, replaced, parts };

// Loss and gradients of a model of a large vocabulary.
std::pair<float, std::vector<float>> step(const ModelConfig& config, int64_t vocabulary,
                                          Logits logits, const BatchShare& share,
                                          Uses* uses = nullptr) {
  const int64_t T = config.context,
                B = share.sequence(share.first + share.count) - share.sequence(share.first);
  Transformer model(config, vocabulary, 5);
  std::vector<int32_t> tokens, targets;
  for (int64_t n = 0; n < B * T; ++n) {
    tokens.push_back(static_cast<int32_t>(Random(2, "tokens").below(n, vocabulary)));
    targets.push_back(n % 7 == 3 ? -1
                                 : static_cast<int32_t>(Random(3, "targets").below(n, vocabulary)));
  }
  Arena arena;
  Tape tape(arena);
  if (logits == Logits::parts) tape.let_recompute();
  if (uses) tape.separate(*uses);
  model.parameters().zero_grads();
  Input input{tokens, B, T};
  input.share = share;
  const Variable loss = logits == Logits::apart
                            ? cross_entropy(tape, model.forward(tape, input), targets)
                            : model.loss(tape, input, targets);
  CHECK(model.numbers_of_logits(tape, B * T) == (logits == Logits::parts ? 0 : B * T * vocabulary));
  tape.backward(loss, 0.5f);
  const auto grads = model.parameters().grads();
  return {loss.value.data[0], {grads.begin(), grads.end()}};
}

}  // namespace

TEST_CASE("a loss of many logits has the bits of cross_entropy, forward and backward") {
  for (const Precision precision : {Precision::float32, Precision::bfloat16})
    for (const bool tied : {false, true})
      for (const int64_t batch : {1, 3}) {
        CAPTURE(word(precision));
        CAPTURE(tied);
        CAPTURE(batch);
        ModelConfig config;
        config.layers = 1;
        config.heads = 2;
        config.width = 512;
        config.context = 1200;
        config.mlp.kind.set("none");
        config.precision = precision;
        config.output.tied = tied;
        config.output.bias = batch == 3;
        const int64_t vocabulary = 17003;
        const BatchShare whole{batch, 0, BatchParts::count_of(batch)};
        const auto [loss, gradients] = step(config, vocabulary, Logits::apart, whole);
        for (const Logits logits : {Logits::replaced, Logits::parts}) {
          const auto [other_loss, others] = step(config, vocabulary, logits, whole);
          CHECK(loss == other_loss);
          CHECK(gradients == others);
        }
      }
}

TEST_CASE("a validation of many logits at a time is that of all together") {
  ModelConfig config;
  config.layers = 1;
  config.width = 64;
  config.context = 600;
  const auto data = open_with("unigram", {{"tokens", 30000.0}}, 600);
  const Transformer model(config, data->vocabulary(), 1);
  Arena arena;
  Tape tape(arena, false);
  Batch batch;
  batch.resize(2, 600);
  data->batch(3, Split::validation, 0, batch);
  const Tensor all = model.forward(tape, {batch.inputs, 2, 600}).value;
  const std::vector<float> whole(all.data, all.data + all.size());
  int64_t rows = 0, calls = 0;
  model.for_logits(tape, {batch.inputs, 2, 600}, [&](int64_t first, const Tensor& logits) {
    CHECK(first == rows);
    rows += logits.dim(0);
    ++calls;
    CHECK(std::equal(logits.data, logits.data + logits.size(),
                     whole.begin() + first * data->vocabulary()));
  });
  CHECK(rows == 1200);
  CHECK(calls > 1);
}
