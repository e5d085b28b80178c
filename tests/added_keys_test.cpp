#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "keep_all.h"
#include "probe/prober.h"

using namespace waiver;

namespace {

// ‖v W_O^h‖ in double precision.
double projected(const Transformer& model, int64_t layer, int64_t head, const float* v) {
  const int64_t C = model.config().width, D = C / model.config().heads;
  double squares = 0;
  for (int64_t c = 0; c < C; ++c) {
    double sum = 0;
    for (int64_t d = 0; d < D; ++d)
      sum += double{v[d]} * model.output_projection(layer).row(head * D + d)[c];
    squares += sum * sum;
  }
  return std::sqrt(squares);
}

// That of added key `a` over the median of the tokens', mean over the sequences.
double value_ratio(const Transformer& model, const KeepAll& kept, int64_t layer, int64_t head,
                   int64_t a) {
  const ModelConfig& config = model.config();
  const int64_t R = config.sink_tokens, T = config.context, C = config.width, S = R + T,
                D = C / config.heads;
  const std::vector<float>& qkv = kept.at(layer, Point::attn_qkv);
  const int64_t B = std::ssize(qkv) / (S * 3 * C);
  double mean = 0;
  for (int64_t b = 0; b < B; ++b) {
    const auto value = [&](int64_t s) { return &qkv[(b * S + s) * 3 * C + 2 * C + head * D]; };
    std::vector<double> all;
    for (int64_t t = 0; t < T; ++t) all.push_back(projected(model, layer, head, value(R + t)));
    std::ranges::sort(all);
    const double median = (all[(T - 1) / 2] + all[T / 2]) / 2;
    const float* own = a < R ? value(a) : model.slot(layer).value().value.row(head);
    mean += projected(model, layer, head, own) / median / static_cast<double>(B);
  }
  return mean;
}

}  // namespace

TEST_CASE("sink tokens and slots are measured apart from the tokens") {
  const int64_t T = 12, B = 3, H = 2, C = 16, R = 2, S = R + T;
  ModelConfig config;
  config.layers = 2;
  config.heads = H;
  config.width = C;
  config.context = T;
  config.sink_tokens = R;
  config.mlp.width = 8;
  config.attention.slot.set("key_value");
  config.attention.normalizer.set("sigmoid");  // rows do not sum to 1
  const auto data = Kind<Dataset>("bigram_backcopy_random").make();
  data->open(T);
  const Transformer model(config, data->vocabulary(), 0);
  ProbeConfig probe;
  probe.batch = B;
  probe.sink_threshold = 0.5;
  Prober prober(model, *data, probe, 7);
  prober.measure();
  std::map<std::string, std::vector<float>> measured;
  for (const auto& [name, values] : prober.values()) measured[name] = *values;

  Batch batch;
  batch.resize(B, T);
  data->batch(7, Split::probe, 0, batch);
  KeepAll kept;
  Arena arena;
  Tape tape(arena, false);
  model.forward(tape, {batch.inputs, B, T}, &kept);
  for (int64_t l = 0; l < 2; ++l)
    for (int64_t h = 0; h < H; ++h) {
      for (int64_t a = 0; a <= R; ++a) {
        double mean = 0, rate = 0, shares = 0;
        for (int64_t b = 0; b < B; ++b) {
          double of_sequence = 0;
          for (int64_t i = R; i < S; ++i) {
            const int64_t query = (b * H + h) * S + i;
            const float* row = &kept.at(l, Point::attn_pattern)[query * S];
            const double slot = kept.at(l, Point::attn_slot)[query],
                         whole = std::accumulate(row, row + S, slot);
            of_sequence += (a < R ? row[a] : slot) / static_cast<double>(T);
            shares += (a < R ? row[a] : slot) / whole / static_cast<double>(B * T);
          }
          mean += of_sequence / B;
          rate += (of_sequence > 0.5) / static_cast<double>(B);
        }
        CHECK(measured.at("added_attention")[(l * H + h) * (R + 1) + a] == near(mean));
        CHECK(measured.at("added_sink_rate")[(l * H + h) * (R + 1) + a] == near(rate));
        CHECK(measured.at("proxy_added_attention")[(l * H + h) * (R + 1) + a] == near(shares));
        CHECK(measured.at("added_value_ratio")[(l * H + h) * (R + 1) + a] ==
              near(value_ratio(model, kept, l, h, a)));
      }
      double alpha = 0;
      for (int64_t b = 0; b < B; ++b)
        for (int64_t i = 4; i < T; ++i)
          alpha += kept.at(l, Point::attn_pattern)[((b * H + h) * S + R + i) * S + R + 3] /
                   (B * (T - 4.));
      CHECK(measured.at("received_attention")[(l * H + h) * T + 3] == near(alpha));
    }
  double residual = 0;
  for (int64_t b = 0; b < B; ++b)
    residual += length(&kept.at(1, Point::resid)[(b * S + R + 5) * C], C) / B;
  CHECK(measured.at("residual_norm")[T + 5] == near(residual));
  config.sink_tokens = 0;
  config.attention.slot.set("none");
  const Transformer plain(config, data->vocabulary(), 0);
  const Prober without(plain, *data, probe, 7);
  for (const SeriesSpec& spec : without.series()) CHECK(spec.name != "added_attention");
}

TEST_CASE("the slot's weight is the rest of a softmax row") {
  const int64_t T = 9;
  ModelConfig config;
  config.layers = 1;
  config.width = 16;
  config.context = T;
  config.attention.slot.set("key");
  const Transformer model(config, 5, 0);
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 0, 1, 2, 3, 4};
  KeepAll kept;
  Arena arena;
  Tape tape(arena, false);
  model.forward(tape, {tokens, 1, T}, &kept);
  for (int64_t i = 0; i < T; ++i) {
    double sum = kept.at(0, Point::attn_slot)[i];
    CHECK(sum > 0);
    for (int64_t j = 0; j < T; ++j) sum += kept.at(0, Point::attn_pattern)[i * T + j];
    CHECK(sum == near(1));
  }
}
