#include <doctest/doctest.h>

#include <algorithm>

#include "keep_all.h"
#include "probe/prober.h"

using namespace waiver;

TEST_CASE("real-valued answers: squared and largest error, and no metric that needs tokens' odds") {
  const int64_t T = 8, F = 16, B = 5;
  const auto data = Kind<Dataset>("trigger_average").make();
  data->open(T);
  ModelConfig config;
  config.input = InputKind::features;
  config.layers = 1;
  config.width = F;
  config.context = T;
  config.mlp.kind.set("none");
  const Transformer model(config, data->vocabulary(), 0);
  ProbeConfig probe;
  probe.batch = B;
  Prober prober(model, *data, probe, 7);
  prober.measure(true);
  std::map<std::string, std::vector<float>> measured;
  for (const auto& [name, values] : prober.values()) measured[name] = *values;
  for (const char* name : {"backcopy_risk", "bigram_risk"}) CHECK_FALSE(measured.contains(name));

  Batch batch;
  batch.resize(B, T);
  data->batch(7, Split::probe, 0, batch);
  Input input{batch.inputs, B, T};
  input.features = batch.features;
  KeepAll kept;
  Arena arena;
  Tape tape(arena, false);
  model.forward(tape, input, &kept);
  double squares = 0, largest = 0;
  for (int64_t i = 0; i < B * T * F; ++i) {
    const double error = std::abs(double{kept.at(-1, Point::logits)[i]} - batch.answers[i]);
    squares += error * error / (B * T * F);
    largest = std::max(largest, error);
  }
  CHECK(measured.at("loss")[0] == near(squares));
  CHECK(measured.at("max_error")[0] == near(largest));
  // Attention to the first token is a mean over the queries that are no triggers.
  double bos = 0, count = 0;
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < T; ++t) {
      if (batch.features[(b * T + t) * F + 1] == 1) continue;
      bos += kept.at(0, Point::attn_pattern)[(b * T + t) * T];
      count += 1;
    }
  CHECK(measured.at("bos_attention")[0] == near(bos / count));
  CHECK(prober.tokens_of(0)[0] == "<s>");
}
