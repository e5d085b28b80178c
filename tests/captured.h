#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "keep_all.h"
#include "probe/prober.h"

/// Captured tensors and what was measured on them, for direct computations.
namespace waiver {

// A small model, what its probe measured, and what the same pass showed.
struct Setup {
  static constexpr int64_t L = 2, H = 2, C = 16, D = 8, T = 12, B = 3;
  std::unique_ptr<Dataset> data = Kind<Dataset>("bigram_backcopy_random").make();
  ModelConfig config;
  std::unique_ptr<Transformer> model;
  Batch batch;
  KeepAll kept;
  std::map<std::string, std::vector<float>> measured;

  explicit Setup(const std::string& mask, const std::string& encoding = "rope",
                 const std::function<void(ModelConfig&)>& change = {},
                 const WaiverThresholds& thresholds = {}) {
    config.layers = L;
    config.heads = H;
    config.width = C;
    config.context = T;
    config.mlp.width = 24;
    config.position.set(encoding);
    config.attention.mask.set(mask);
    if (change) change(config);
    data->open(T);
    model = std::make_unique<Transformer>(config, data->vocabulary(), 1);
    ProbeConfig probe;
    probe.batch = B;
    probe.sink_threshold = 0.1;
    probe.waiver = thresholds;
    Prober prober(*model, *data, probe, 7, When::on_demand);
    prober.measure();
    for (const auto& [name, values] : prober.values()) measured[name] = *values;
    batch.resize(B, T);
    data->batch(7, Split::probe, 0, batch);
    Arena arena;
    Tape tape(arena, false);
    model->forward(tape, {batch.inputs, B, T}, &kept);
  }
  double A(int64_t l, int64_t b, int64_t h, int64_t i, int64_t k) const {
    return kept.at(l, Point::attn_pattern)[((b * H + h) * T + i) * T + k];
  }
  double s(int64_t l, int64_t b, int64_t h, int64_t i, int64_t k) const {
    return kept.at(l, Point::attn_scores)[((b * H + h) * T + i) * T + k];
  }
  // Part 0, 1, 2: query, key, value.
  const float* qkv(int64_t l, int64_t b, int64_t t, int part, int64_t h) const {
    return &kept.at(l, Point::attn_qkv)[(b * T + t) * 3 * C + part * C + h * D];
  }
  bool sees(int64_t i, int64_t k) const { return !model->mask(0).sees_future() ? k <= i : true; }
  bool plain(int64_t b, int64_t t) const {
    return data->query_role(&batch.inputs[b * T], t) == kPlain;
  }
  // The numbers of sequence b at a point of C channels, token by token.
  const float* rows(int64_t l, Point point, int64_t b) const {
    return &kept.at(l, point)[b * T * C];
  }
  double got(const std::string& name, int64_t l, int64_t h, int64_t k) const {
    return measured.at(name)[(l * H + h) * T + k];
  }
};

}  // namespace waiver
