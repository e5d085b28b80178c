// Metrics on tensors made by hand, and what holds for all of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "captured.h"
#include "core/statistics/order.h"
#include "distance.h"
#include "metric_called.h"
#include "probe/events/waiver_place.h"
#include "probe/metrics/reduce.h"
#include "probe/metrics/waiver_score.h"
#include "train/trainer.h"

using namespace waiver;

namespace {

// A metric on tensors made by hand: one block, one head, one sequence of T tokens.
struct ByHand {
  static constexpr int64_t T = 8, C = 16;
  Batch batch;
  std::vector<float> pattern = std::vector<float>(T * T, 0.0f), resid = std::vector<float>(T * C);
  std::vector<VisibleKeys> seen;
  std::unique_ptr<Dataset> data = Kind<Dataset>("bigram_backcopy").make();

  ByHand() {
    data->open(T);
    batch.resize(1, T);
    for (int64_t i = 0; i < T; ++i) seen.push_back({{}, {0, i + 1}});
  }
  std::map<std::string, std::vector<float>> measure(std::unique_ptr<Metric> metric) {
    LayerView view;
    view.batch = &batch;
    view.pattern = {pattern.data(), {1, 1, T, T}};
    view.resid = {resid.data(), {T, C}};
    view.seen = seen;
    const std::vector<double> received = received_by_keys(view);
    view.received = received;
    metric->begin({nullptr, data.get(), 1, 1, T, C, C, 1, 0, {}});
    metric->layer(view);
    metric->finish();
    std::map<std::string, std::vector<float>> out;
    const auto series = metric->series();
    for (size_t i = 0; i < series.size(); ++i) out[series[i].name] = metric->values()[i];
    return out;
  }
};

std::vector<float> copy_of(std::span<const float> numbers) {
  return {numbers.begin(), numbers.end()};
}

}  // namespace

TEST_CASE("uniform attention has enrichment 1 and the entropy of its rows") {
  ByHand m;
  double entropy = 0;
  for (int64_t i = 0; i < m.T; ++i) {
    entropy += std::log(i + 1.0) / m.T;
    for (int64_t k = 0; k <= i; ++k) m.pattern[i * m.T + k] = 1.0f / static_cast<float>(i + 1);
  }
  const auto received = m.measure(metric_called("received_attention"));
  for (int64_t k = 0; k < m.T - 1; ++k) CHECK(received.at("enrichment")[k] == near(1));
  CHECK(std::isnan(received.at("enrichment")[m.T - 1]));  // nobody else sees it
  CHECK(m.measure(metric_called("attention_entropy")).at("attention_entropy")[0] == near(entropy));
  CHECK(m.measure(metric_called("first_argmax")).at("first_argmax_share")[0] == 1);
}

TEST_CASE("one-hot rows have the whole attention on their key, entropy 0, and say who is first") {
  for (const int64_t key : {0, 3}) {
    ByHand m;
    for (int64_t i = 0; i < m.T; ++i) m.pattern[i * m.T + std::min(i, key)] = 1;
    const auto received = m.measure(metric_called("received_attention"));
    double uniform = 0;
    for (int64_t i = key + 1; i < m.T; ++i) uniform += 1.0 / (i + 1.0);
    CHECK(received.at("received_attention")[key] == 1);
    CHECK(received.at("enrichment")[key] == near((m.T - 1.0 - key) / uniform));
    CHECK(received.at("received_attention")[key + 1] == 0);
    CHECK(received.at("sink_rate")[key] == 1);
    CHECK(m.measure(metric_called("attention_entropy")).at("attention_entropy")[0] == 0);
    CHECK(m.measure(metric_called("first_argmax")).at("first_argmax_share")[0] ==
          near(key == 0 ? 1.0 : 1.0 / m.T));
  }
  ByHand nothing;  // rows without any weight have no largest one
  CHECK(nothing.measure(metric_called("first_argmax")).at("first_argmax_share")[0] == 0);
}

TEST_CASE(
    "one direction has matrix entropy 0, orthonormal rows have 1, and equal tokens are mixed") {
  ByHand m;
  for (int64_t t = 0; t < m.T; ++t)
    for (int64_t c = 0; c < m.C; ++c) m.resid[t * m.C + c] = static_cast<float>((t - 3) * (c + 1));
  // Rounding leaves 1e-16 of the spectrum, times its logarithm.
  CHECK(m.measure(metric_called("matrix_entropy")).at("matrix_entropy")[0] < 1e-12);
  CHECK(m.measure(metric_called("over_mixing")).at("over_mixing")[0] > 1);

  m.resid.assign(m.T * m.C, 0.0f);
  for (int64_t t = 0; t < m.T; ++t) m.resid[t * m.C + 2 * t] = t % 2 ? 1 : -1;
  CHECK(m.measure(metric_called("matrix_entropy")).at("matrix_entropy")[0] == near(1));
  CHECK(m.measure(metric_called("over_mixing")).at("over_mixing")[0] == near(std::sqrt(m.T - 1.0)));

  for (int64_t i = 0; i < m.T * m.C; ++i) m.resid[i] = static_cast<float>(i % m.C);
  CHECK(m.measure(metric_called("over_mixing")).at("over_mixing")[0] == 0);
  m.resid[5] = NAN;
  CHECK(std::isnan(m.measure(metric_called("matrix_entropy")).at("matrix_entropy")[0]));
}

TEST_CASE("a planted spike gives kurtosis and max-inf norm by formula") {
  ByHand m;
  const double n = m.T * m.C, a = -50, mean = a / n;
  m.resid[37] = static_cast<float>(a);
  const double fourth = (std::pow(a - mean, 4) + (n - 1) * std::pow(mean, 4)) / n;
  const double variance = (std::pow(a - mean, 2) + (n - 1) * mean * mean) / n;
  const auto found = m.measure(metric_called("outliers"));
  CHECK(found.at("residual_kurtosis")[0] == near(fourth / (variance * variance + 1e-6)));
  CHECK(found.at("residual_max_norm")[0] == 50);
}

TEST_CASE("a massive activation is above 100 and above 1000 medians") {
  ByHand m;
  for (float& x : m.resid) x = 0.1f;
  m.resid[2 * m.C + 1] = -100.5f;
  m.resid[2 * m.C + 7] = 3000;
  m.resid[4 * m.C] = 100;  // not above 100
  auto found = m.measure(metric_called("massive_activations"));
  CHECK(found.at("massive_activations") == std::vector<float>{0, 0, 2, 0, 0, 0, 0, 0});
  CHECK(found.at("activation_first")[0] == 3000);
  CHECK(found.at("activation_second")[0] == 100.5f);
  CHECK(found.at("activation_third")[0] == 100);
  CHECK(found.at("activation_ratio")[0] == near(30000));
  for (float& x : m.resid) x = std::max(x, 0.2f);  // now 100.5 is below 1000 medians
  m.resid[2 * m.C + 1] = 100.5f;
  found = m.measure(metric_called("massive_activations"));
  CHECK(found.at("massive_activations") == std::vector<float>{0, 0, 1, 0, 0, 0, 0, 0});
}

TEST_CASE("a waiver element is beyond all three thresholds, a sink only beyond two") {
  const WaiverThresholds t;
  CHECK(classify(t, 0.31f, 3.1f, 0.49f) == Verdict::waiver);
  CHECK(classify(t, 0.31f, 3.1f, 0.5f) == Verdict::sink_only);
  CHECK(classify(t, 0.31f, 3.0f, 0.1f) == Verdict::neither);
  CHECK(classify(t, 0.3f, 3.1f, 0.1f) == Verdict::neither);
  CHECK(classify(t, std::nextafter(0.3f, 1.0f), std::nextafter(3.0f, 4.0f),
                 std::nextafter(0.5f, 0.0f)) == Verdict::waiver);
  CHECK(classify(t, NAN, 9, 0) == Verdict::neither);
  CHECK(classify(t, 1, NAN, 0) == Verdict::neither);
  CHECK(classify(t, 1, 9, NAN) == Verdict::sink_only);
  WaiverThresholds other;
  other.received_attention = 0.5, other.enrichment = 1, other.value_ratio = 0.9;
  CHECK(classify(other, 0.4f, 3.1f, 0.1f) == Verdict::neither);
  CHECK(classify(other, 0.6f, 1.1f, 0.8f) == Verdict::waiver);
}

TEST_CASE("the waiver score follows from what is measured, with the proxy where there is one") {
  for (const char* normalizer : {"softmax", "relu"}) {
    ModelConfig config;
    config.layers = 2;
    config.heads = 2;
    config.width = 16;
    config.context = 12;
    config.mlp.width = 8;
    config.attention.normalizer.set(normalizer);
    const auto data = Kind<Dataset>("bigram_backcopy").make();
    data->open(12);
    const Transformer model(config, data->vocabulary(), 0);
    ProbeConfig probe;
    probe.waiver = {0.1, 1.0, 1.0};
    Prober prober(model, *data, probe, 0);
    prober.measure();
    const std::string proxy = std::string(normalizer) == "relu" ? "proxy_" : "";
    const auto &alpha = prober.value(proxy + "received_attention"),
               &enrichment = prober.value(proxy + "enrichment"),
               &ratio = prober.value("value_ratio");
    int count[3] = {};
    for (size_t i = 0; i < alpha.size(); ++i) {
      const bool sink = alpha[i] > 0.1f && enrichment[i] > 1;
      const int expected = sink ? ratio[i] < 1 ? 2 : 1 : 0;
      CHECK(prober.value("waiver_score")[i] == expected);
      ++count[expected];
    }
    CHECK((count[0] > 0 && count[1] > 0 && count[2] > 0));
  }
}

TEST_CASE("candidates are keys that more than a quarter of the most queries see") {
  CHECK(candidate_keys(std::vector<double>{1, .75, .5, .25}) == std::vector<int64_t>{0, 1, 2});
  CHECK(candidate_keys(std::vector<double>{1, 1, 1, 1}) == std::vector<int64_t>{0, 1, 2, 3});
  const std::vector<double> alpha = {.1, .5, .2, .9};
  CHECK(waiver_places(alpha, std::vector<double>{1, .75, .5, .25}, 1, 1)[0].key == 1);
  CHECK(waiver_places(alpha, std::vector<double>{1, 1, 1, 1}, 1, 1)[0].key == 3);
}

TEST_CASE("every series lies in the range that it states") {
  for (const auto& normalizer : registry<Normalizer>()) {
    const Setup m("causal", "learned",
                  [&](ModelConfig& c) { c.attention.normalizer.set(normalizer.name); });
    ProbeConfig probe;
    Prober prober(*m.model, *m.data, probe, 0, When::on_demand);
    for (const SeriesSpec& spec : prober.series()) {
      CAPTURE(spec.name);
      CHECK_FALSE(spec.description.empty());
      for (const float x : m.measured.at(spec.name)) {
        if (std::isnan(x)) continue;  // α and E of the last key
        REQUIRE(x >= spec.range.low - 1e-6);
        REQUIRE(x <= spec.range.high + 1e-6);
      }
    }
  }
}

TEST_CASE("measuring every metric changes no weight, no gradient and no later step") {
  for (const char* objective : {"next_token", "masked_token"}) {
    auto source = Kind<Dataset>("bigram_backcopy").make();
    source->open(12);
    const auto data = Kind<Objective>(objective)->apply(std::move(source), 0);
    ModelConfig config;
    config.width = 16;
    config.context = 12;
    config.mlp.width = 24;
    Transformer plain(config, data->vocabulary(), 0), probed(config, data->vocabulary(), 0);
    TrainConfig train;
    train.batch = 4;
    train.freeze = {"embed.*"};
    Trainer first(train, plain, *data, 0), second(train, probed, *data, 0);
    Prober prober(probed, *data, {}, 0, When::on_demand);
    for (int64_t step = 0; step < 3; ++step) {
      const auto weights = copy_of(probed.parameters().values()),
                 grads = copy_of(probed.parameters().grads());
      prober.measure();
      CHECK(weights == copy_of(probed.parameters().values()));
      CHECK(grads == copy_of(probed.parameters().grads()));
      const StepReport a = first.update(step), b = second.update(step);
      CHECK(a.loss == b.loss);
      CHECK(a.grad_norm == b.grad_norm);
    }
    CHECK(copy_of(plain.parameters().values()) == copy_of(probed.parameters().values()));
    CHECK(prober.value("gradient_sink")[0] > 0);
  }
}

TEST_CASE("what is measured in training has the same bits when all else is measured too") {
  const Setup m("causal");
  ProbeConfig probe;
  probe.batch = Setup::B;
  probe.sink_threshold = 0.1;
  Prober few(*m.model, *m.data, probe, 7);
  few.measure();
  CHECK(few.find("matrix_entropy") == nullptr);
  CHECK(few.series().size() < m.measured.size());
  for (const auto& [name, values] : few.values()) {
    CAPTURE(name);
    CHECK(same_numbers(*values, m.measured.at(name)));
  }
}

TEST_CASE("metrics of gradients are refused under edits") {
  const Setup m("causal");
  Prober prober(*m.model, *m.data, {}, 0, When::on_demand);
  Edits edits({}, m.config, m.T);
  CHECK_THROWS_WITH(
      prober.measure(false, &edits),
      "probe: gradients cannot be measured under edits. Measure only the metrics of training.");
}
