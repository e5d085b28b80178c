#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "captured.h"
#include "data/objective.h"
#include "probe/prober.h"

using namespace waiver;

TEST_CASE("capturing changes no bit of the forward pass") {
  for (const auto& entry : registry<PositionEncoding>()) {
    const Setup with("causal", std::string(entry.name));
    Arena arena;
    Tape tape(arena);  // recording, as in training
    const Variable logits = with.model->forward(tape, {with.batch.inputs, Setup::B, Setup::T});
    const std::vector<float> plain(logits.value.data, logits.value.data + logits.value.size());
    CHECK(plain == with.kept.at(-1, Point::logits));
  }
}

TEST_CASE("captured scores and weights are those that made the output") {
  for (const char* mask : {"causal", "bidirectional"}) {
    const Setup m(mask, "alibi");
    for (int64_t l = 0; l < m.L; ++l)
      for (int64_t b = 0; b < m.B; ++b)
        for (int64_t h = 0; h < m.H; ++h)
          for (int64_t i = 0; i < m.T; ++i) {
            double sum = 0, total = 0;
            for (int64_t k = 0; k < m.T; ++k) {
              if (m.sees(i, k))
                total += std::exp(m.s(l, b, h, i, k));
              else
                CHECK((m.A(l, b, h, i, k) == 0 && std::isinf(m.s(l, b, h, i, k))));
              sum += m.A(l, b, h, i, k);
            }
            CHECK(sum == near(1));
            for (int64_t k = 0; k < m.T; ++k)
              if (m.sees(i, k))
                CHECK(m.A(l, b, h, i, k) == near(std::exp(m.s(l, b, h, i, k)) / total));
            for (int64_t d = 0; d < m.D; ++d) {
              double mix = 0;
              for (int64_t k = 0; k < m.T; ++k) mix += m.A(l, b, h, i, k) * m.qkv(l, b, k, 2, h)[d];
              CHECK(m.kept.at(l, Point::attn_mix)[(b * m.T + i) * m.C + h * m.D + d] ==
                    doctest::Approx(mix).epsilon(1e-4).scale(1e-2));
            }
          }
  }
}

TEST_CASE("received attention, enrichment and sink rate equal their formulas") {
  for (const char* mask : {"causal", "bidirectional"}) {
    const Setup m(mask);
    for (int64_t l = 0; l < m.L; ++l)
      for (int64_t h = 0; h < m.H; ++h)
        for (int64_t k = 0; k < m.T; ++k) {
          double others = 0, all = 0, uniform = 0, seen = 0, sinks = 0;
          for (int64_t b = 0; b < m.B; ++b) {
            double mine = 0, count = 0;
            for (int64_t i = 0; i < m.T; ++i) {
              if (!m.sees(i, k)) continue;
              double visible = 0;
              for (int64_t j = 0; j < m.T; ++j) visible += m.sees(i, j);
              mine += m.A(l, b, h, i, k);
              count += 1;
              if (i == k) continue;
              others += m.A(l, b, h, i, k);
              uniform += 1 / visible;
              seen += 1;
            }
            all += mine / count / m.B;
            sinks += (mine / count > 0.1) / static_cast<double>(m.B);
          }
          CHECK(m.got("received_attention_inclusive", l, h, k) == near(all));
          if (seen == 0) {
            CHECK(std::isnan(m.got("received_attention", l, h, k)));
            CHECK(std::isnan(m.got("enrichment", l, h, k)));
          } else {
            CHECK(m.got("received_attention", l, h, k) == near(others / seen));
            CHECK(m.got("enrichment", l, h, k) == near(others / uniform));
          }
          CHECK(m.got("sink_rate", l, h, k) == near(sinks));
        }
  }
}

TEST_CASE("first-token attention, sink logit and entropy equal their formulas") {
  const Setup m("causal");
  for (int64_t l = 0; l < m.L; ++l)
    for (int64_t h = 0; h < m.H; ++h) {
      double bos = 0, plain = 0, entropy = 0;
      std::map<int32_t, std::pair<double, double>> by_token;
      for (int64_t b = 0; b < m.B; ++b)
        for (int64_t t = 0; t < m.T; ++t) {
          for (int64_t k = 0; k <= t; ++k)
            entropy -= m.A(l, b, h, t, k) * std::log(m.A(l, b, h, t, k));
          if (!m.plain(b, t)) continue;
          bos += m.A(l, b, h, t, 0);
          plain += 1;
          if (t < 2) continue;
          double others = 0;
          for (int64_t j = 1; j < t; ++j) others += m.s(l, b, h, t, j) / static_cast<double>(t - 1);
          auto& [sum, count] = by_token[m.batch.inputs[b * m.T + t]];
          sum += m.s(l, b, h, t, 0) - others;
          count += 1;
        }
      double delta = 0;
      for (const auto& [token, mean] : by_token)
        delta += mean.first / mean.second / by_token.size();
      const int64_t head = l * m.H + h;
      CHECK(m.measured.at("bos_attention")[head] == near(bos / plain));
      CHECK(m.measured.at("attention_entropy")[head] == near(entropy / (m.B * m.T)));
      CHECK(m.measured.at("delta_logit")[head] == doctest::Approx(delta).epsilon(1e-5));
    }
}

TEST_CASE("value, key and residual norms and ratios equal their formulas") {
  for (const char* mask : {"causal", "bidirectional"}) {
    const Setup m(mask);
    for (int64_t l = 0; l < m.L; ++l) {
      const Tensor& W = m.model->output_projection(l);
      for (int64_t h = 0; h < m.H; ++h)
        for (int64_t k = 0; k < m.T; ++k) {
          double raw = 0, projected = 0, ratio = 0, key = 0, query = 0, cosine = 0;
          for (int64_t b = 0; b < m.B; ++b) {
            std::vector<double> norms;
            for (int64_t t = 0; t < m.T; ++t) {
              std::vector<float> out(m.C, 0.0f);
              for (int64_t c = 0; c < m.C; ++c)
                for (int64_t d = 0; d < m.D; ++d)
                  out[c] += m.qkv(l, b, t, 2, h)[d] * W.row(h * m.D + d)[c];
              norms.push_back(length(out.data(), m.C));
            }
            const double mine = norms[k];
            std::sort(norms.begin(), norms.end());
            raw += length(m.qkv(l, b, k, 2, h), m.D) / m.B;
            projected += mine / m.B;
            ratio += mine / (0.5 * (norms[m.T / 2] + norms[m.T / 2 - 1])) / m.B;
            key += length(m.qkv(l, b, k, 1, h), m.D) / m.B;
            query += length(m.qkv(l, b, k, 0, h), m.D) / m.B;
            double cosines = 0, count = 0;
            for (int64_t i = 0; i < m.T; ++i) {
              if (!m.sees(i, k)) continue;
              const float *q = m.qkv(l, b, i, 0, h), *kk = m.qkv(l, b, k, 1, h);
              double dot = 0;
              for (int64_t d = 0; d < m.D; ++d) dot += static_cast<double>(q[d]) * kk[d];
              cosines += dot / (length(q, m.D) * length(kk, m.D));
              count += 1;
            }
            cosine += cosines / count / m.B;
          }
          CHECK(m.got("value_norm", l, h, k) == near(raw));
          CHECK(m.got("output_value_norm", l, h, k) == near(projected));
          CHECK(m.got("value_ratio", l, h, k) == near(ratio));
          CHECK(m.got("key_norm", l, h, k) == near(key));
          CHECK(m.got("query_norm", l, h, k) == near(query));
          CHECK(m.got("key_cosine", l, h, k) == doctest::Approx(cosine).epsilon(2e-6).scale(1));
        }
      for (int64_t k = 0; k < m.T; ++k) {
        double norm = 0, ratio = 0;
        for (int64_t b = 0; b < m.B; ++b) {
          const float* resid = &m.kept.at(l, Point::resid)[b * m.T * m.C];
          double others = 0;
          for (int64_t t = 0; t < m.T; ++t)
            if (t != k) others += length(resid + t * m.C, m.C) / (m.T - 1);
          norm += length(resid + k * m.C, m.C) / m.B;
          ratio += length(resid + k * m.C, m.C) / others / m.B;
        }
        CHECK(m.measured.at("residual_norm")[l * m.T + k] == near(norm));
        CHECK(m.measured.at("residual_ratio")[l * m.T + k] == near(ratio));
      }
    }
  }
}

TEST_CASE("loss and risks equal their formulas") {
  const Setup m("causal");
  const int64_t V = m.data->vocabulary();
  double loss = 0, risk[2] = {}, count[2] = {};
  std::vector<float> truth(V);
  for (int64_t b = 0; b < m.B; ++b)
    for (int64_t t = 0; t < m.T; ++t) {
      const float* z = &m.kept.at(-1, Point::logits)[(b * m.T + t) * V];
      double total = 0;
      for (int64_t v = 0; v < V; ++v) total += std::exp(static_cast<double>(z[v]));
      loss -= (z[m.batch.targets[b * m.T + t]] - std::log(total)) / (m.B * m.T);
      m.data->next(&m.batch.inputs[b * m.T], t, truth);
      const int role = m.plain(b, t);
      for (int64_t v = 0; v < V; ++v) risk[role] -= truth[v] * (z[v] - std::log(total));
      count[role] += 1;
    }
  CHECK(m.measured.at("loss")[0] == near(loss));
  CHECK(m.measured.at("backcopy_risk")[0] == near(risk[0] / count[0]));
  CHECK(m.measured.at("bigram_risk")[0] == near(risk[1] / count[1]));
}

TEST_CASE("masked_token: blocks are measured on unmasked sequences, losses on masked tokens") {
  const int64_t T = 12, B = 8, V = 65;
  auto source = Kind<Dataset>("bigram_backcopy_random").make();
  source->open(T);
  const auto data = Kind<Objective>("masked_token")->apply(std::move(source), 0);
  ModelConfig config;
  config.layers = 1;
  config.width = 16;
  config.context = T;
  config.mlp.width = 24;
  config.attention.mask.set("bidirectional");
  const Transformer model(config, data->vocabulary(), 1);
  ProbeConfig probe;
  probe.batch = B;
  Prober prober(model, *data, probe, 7);
  prober.measure(true);
  std::map<std::string, std::vector<float>> measured;
  for (const auto& [name, values] : prober.values()) measured[name] = *values;

  Batch batch;
  batch.resize(B, T);
  data->batch(7, Split::probe, 0, batch);
  REQUIRE(batch.inputs != batch.whole);
  KeepAll whole, hidden;
  Arena arena;
  Tape tape(arena, false);
  model.forward(tape, {batch.whole, B, T}, &whole);
  model.forward(tape, {batch.inputs, B, T}, &hidden);
  double alpha = 0;
  for (int64_t b = 0; b < B; ++b)
    for (int64_t i = 0; i < T; ++i)
      if (i != 3) alpha += whole.at(0, Point::attn_pattern)[(b * T + i) * T + 3] / (B * (T - 1.0));
  CHECK(measured.at("received_attention")[3] == near(alpha));
  CHECK((*prober.snapshot()[0].second)[5] == whole.at(0, Point::attn_pattern)[5]);
  CHECK(prober.tokens_of(0)[4] == data->text(batch.whole[4]));

  double loss = 0, count = 0, risk[2] = {}, each[2] = {};
  for (int64_t n = 0; n < B * T; ++n) {
    if (batch.targets[n] < 0) continue;
    const float* z = &hidden.at(-1, Point::logits)[n * V];
    double total = 0;
    for (int64_t v = 0; v < V; ++v) total += std::exp(static_cast<double>(z[v]));
    const double one = std::log(total) - z[batch.targets[n]];
    const bool copied = batch.whole[n - 1] >= 61;  // the first token is never hidden
    loss += one;
    count += 1;
    risk[copied] += one;
    each[copied] += 1;
  }
  REQUIRE((each[0] > 0 && each[1] > 0));
  CHECK(measured.at("loss")[0] == near(loss / count));
  CHECK(measured.at("backcopy_risk")[0] == near(risk[1] / each[1]));
  CHECK(measured.at("bigram_risk")[0] == near(risk[0] / each[0]));
}

TEST_CASE("a probe batch in parts measures the same as in one") {
  // 256 tokens and 16 heads leave room for 16 sequences in a part, so that 20 need two.
  ModelConfig config;
  config.layers = 1;
  config.heads = 16;
  config.width = 32;
  config.context = 256;
  config.mlp.width = 8;
  const auto data = Kind<Dataset>("bigram_backcopy").make();
  data->open(config.context);
  const Transformer model(config, data->vocabulary(), 0);
  ProbeConfig few, many;
  few.batch = 16;
  many.batch = 20;
  Prober first(model, *data, few, 0), both(model, *data, many, 0);
  first.measure();
  both.measure(true);
  KeepAll kept;
  Batch rest;
  rest.resize(20, 256);
  data->batch(0, Split::probe, 0, rest);
  Arena arena;
  Tape tape(arena, false);
  model.forward(tape, {rest.inputs, 20, 256}, &kept);
  double alpha = 0;
  for (int64_t b = 0; b < 20; ++b)
    for (int64_t i = 1; i < 256; ++i)
      alpha += kept.at(0, Point::attn_pattern)[b * 16 * 256 * 256 + i * 256] / (20.0 * 255);
  CHECK((*both.values()[0].second)[0] == near(alpha));
  CHECK((*first.values()[0].second)[0] != (*both.values()[0].second)[0]);
  // The snapshot holds the first sequence, and the mean of all.
  const auto maps = both.snapshot();
  double mean = 0;
  for (int64_t b = 0; b < 20; ++b)
    mean += kept.at(0, Point::attn_pattern)[b * 16 * 256 * 256 + 9 * 256] / 20;
  CHECK((*maps[0].second)[9 * 256] == kept.at(0, Point::attn_pattern)[9 * 256]);
  CHECK((*maps[1].second)[9 * 256] == near(mean));
}

TEST_CASE("a block without attention has NaN for what belongs to attention, and nothing else has") {
  ModelConfig config;
  config.layers = 3;
  config.heads = 2;
  config.width = 16;
  config.context = 12;
  config.mlp.width = 8;
  config.attention.absent = {1};
  config.mlp.absent = {2};
  const auto data = Kind<Dataset>("bigram_backcopy_random").make();
  data->open(config.context);
  const Transformer model(config, data->vocabulary(), 0);
  Prober prober(model, *data, {}, 0);
  prober.measure(true);
  Prober::Values all = prober.values();
  std::vector<SeriesSpec> specs = prober.series();
  for (const auto& map : prober.snapshot()) all.push_back(map);
  for (const SeriesSpec& spec : AttentionMaps::series()) specs.push_back(spec);
  for (size_t s = 0; s < specs.size(); ++s) {
    CAPTURE(specs[s].name);
    const std::vector<float>& v = *all[s].second;
    const auto& axes = specs[s].axes;
    const bool of_attention = std::find(axes.begin(), axes.end(), "head") != axes.end() ||
                              specs[s].name.starts_with("attention_");
    const bool of_others = specs[s].name == "received_attention" || specs[s].name == "enrichment";
    for (size_t i = 0; i < v.size(); ++i) {
      const bool last_key = of_others && i % 12 == 11;  // which no other query sees
      REQUIRE(std::isnan(v[i]) == (last_key || (of_attention && i * 3 / v.size() == 1)));
    }
  }
}

TEST_CASE("key visibility counts the queries that see a key, in every mask") {
  const int64_t T = 12;
  const auto visibility = [&](const std::string& kind, int64_t absent) {
    ModelConfig config;
    config.layers = 2;
    config.width = 16;
    config.context = T;
    config.mlp.width = 8;
    config.attention.mask.set(kind);
    if (absent >= 0) config.attention.absent = {absent};
    const auto data = Kind<Dataset>("bigram_backcopy_random").make();
    data->open(T);
    const Transformer model(config, data->vocabulary(), 0);
    return Prober(model, *data, {}, 0).key_visibility();
  };
  const auto causal = visibility("causal", 1), both = visibility("bidirectional", -1);
  for (int64_t k = 0; k < T; ++k) {
    CHECK(causal[k] == static_cast<float>(static_cast<double>(T - k) / T));
    CHECK(std::isnan(causal[T + k]));  // no attention there
    CHECK(both[k] == 1);
    CHECK(both[T + k] == 1);
  }
}
