#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "captured.h"
#include "probe/reduce.h"
#include "probe/waiver_place.h"
#include "probe/waiver_score.h"
#include "train/trainer.h"

using namespace waiver;

namespace {

using Matrix = std::vector<std::vector<double>>;

// The eigenvalues of a symmetric matrix, by Jacobi's rotations.
std::vector<double> eigenvalues(Matrix a) {
  const size_t n = a.size();
  for (int sweep = 0; sweep < 50; ++sweep)
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) {
        const double angle = 0.5 * std::atan2(2 * a[p][q], a[q][q] - a[p][p]);
        const double c = std::cos(angle), s = std::sin(angle);
        for (size_t k = 0; k < n; ++k) {
          const double x = a[k][p], y = a[k][q];
          a[k][p] = c * x - s * y, a[k][q] = s * x + c * y;
        }
        for (size_t k = 0; k < n; ++k) {
          const double x = a[p][k], y = a[q][k];
          a[p][k] = c * x - s * y, a[q][k] = s * x + c * y;
        }
      }
  std::vector<double> out;
  for (size_t i = 0; i < n; ++i) out.push_back(a[i][i]);
  return out;
}

double matrix_entropy(const float* x, int64_t T, int64_t C) {
  Matrix gram(T, std::vector<double>(T, 0.0));
  double total = 0, sum = 0;
  for (int64_t i = 0; i < T; ++i)
    for (int64_t j = 0; j < T; ++j)
      for (int64_t c = 0; c < C; ++c)
        gram[i][j] += static_cast<double>(x[i * C + c]) * x[j * C + c];
  for (int64_t i = 0; i < T; ++i) total += gram[i][i];
  for (const double square : eigenvalues(gram))
    if (square > 0) sum -= square / total * std::log(square / total);
  return sum / std::log(std::min(T, C));
}

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
    metric->begin({nullptr, data.get(), 1, 1, T, C, 1, 0, {}});
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

TEST_CASE("contribution share and first-argmax share equal their formulas") {
  for (const char* mask : {"causal", "bidirectional"}) {
    const Setup m(mask);
    for (int64_t l = 0; l < m.L; ++l) {
      const Tensor& W = m.model->output_projection(l);
      for (int64_t h = 0; h < m.H; ++h) {
        std::vector<double> share(m.T, 0.0);
        double first = 0;
        for (int64_t b = 0; b < m.B; ++b) {
          std::vector<double> given(m.T, 0.0);
          double total = 0;
          for (int64_t k = 0; k < m.T; ++k) {
            double squares = 0;
            for (int64_t c = 0; c < m.C; ++c) {
              double out = 0;
              for (int64_t d = 0; d < m.D; ++d)
                out += static_cast<double>(m.qkv(l, b, k, 2, h)[d]) * W.row(h * m.D + d)[c];
              squares += out * out;
            }
            for (int64_t i = 0; i < m.T; ++i) given[k] += m.A(l, b, h, i, k) * std::sqrt(squares);
            total += given[k];
          }
          for (int64_t k = 0; k < m.T; ++k) share[k] += given[k] / total / m.B;
          for (int64_t i = 0; i < m.T; ++i) {
            int64_t best = 0;
            for (int64_t k = 1; k < m.T; ++k)
              if (m.A(l, b, h, i, k) > m.A(l, b, h, i, best)) best = k;
            first += best == 0;
          }
        }
        for (int64_t k = 0; k < m.T; ++k)
          CHECK(m.got("contribution_share", l, h, k) == near(share[k]));
        CHECK(m.measured.at("first_argmax_share")[l * m.H + h] == near(first / (m.B * m.T)));
      }
    }
  }
}

TEST_CASE("proxy attention is measured where weights are no shares, and there alone") {
  for (const char* normalizer : {"elu1", "relu", "sigmoid"}) {
    const Setup m("causal", "rope",
                  [&](ModelConfig& c) { c.attention.normalizer.set(normalizer); });
    for (int64_t l = 0; l < m.L; ++l)
      for (int64_t h = 0; h < m.H; ++h) {
        const auto share = [&](int64_t b, int64_t i, int64_t k) {
          double sum = 1e-8;
          for (int64_t j = 0; j <= i; ++j) sum += m.A(l, b, h, i, j);
          return m.A(l, b, h, i, k) / sum;
        };
        for (int64_t k = 0; k < m.T; ++k) {
          double others = 0, all = 0, uniform = 0, sinks = 0;
          for (int64_t b = 0; b < m.B; ++b) {
            double mine = 0;
            for (int64_t i = k; i < m.T; ++i) {
              mine += share(b, i, k) / (m.T - k);
              if (i == k) continue;
              others += share(b, i, k);
              uniform += 1.0 / (i + 1);
            }
            all += mine / m.B;
            sinks += (mine > 0.1) / static_cast<double>(m.B);
          }
          const bool last = k == m.T - 1;
          CHECK(m.got("proxy_received_attention", l, h, k) ==
                near(last ? 0 : others / (m.B * (m.T - 1 - k))));
          CHECK(m.got("proxy_received_attention_inclusive", l, h, k) == near(all));
          CHECK(m.got("proxy_enrichment", l, h, k) == near(last ? 0 : others / uniform));
          CHECK(m.got("proxy_sink_rate", l, h, k) == near(sinks));
        }
      }
  }
  CHECK_FALSE(Setup("causal").measured.contains("proxy_received_attention"));
}

TEST_CASE("residual peak, outliers, massive activations and over-mixing equal their formulas") {
  const Setup m("causal");
  const double n = m.T * m.C;
  for (int64_t l = 0; l < m.L; ++l) {
    std::vector<double> peak(m.T, 0.0);
    double first = 0, second = 0, third = 0, middle = 0, ratio = 0, mixing = 0;
    for (int64_t b = 0; b < m.B; ++b) {
      const float* x = m.rows(l, "resid", b);
      for (int64_t k = 0; k < m.T; ++k) {
        peak[k] += length(x + k * m.C, m.C) / m.B;
        for (int64_t t = 0; t < m.T; ++t)
          if (t != k) peak[k] -= length(x + t * m.C, m.C) / (m.T - 1) / m.B;
      }
      std::vector<double> sizes;
      for (int64_t i = 0; i < m.T * m.C; ++i) sizes.push_back(std::abs(x[i]));
      std::sort(sizes.begin(), sizes.end(), std::greater<>());
      const double half = 0.5 * (sizes[sizes.size() / 2] + sizes[sizes.size() / 2 - 1]);
      first += sizes[0] / m.B, second += sizes[1] / m.B, third += sizes[2] / m.B;
      middle += half / m.B, ratio += sizes[0] / half / m.B;
      double squares = 0;
      for (int64_t c = 0; c < m.C; ++c) {
        double mean = 0;
        for (int64_t t = 0; t < m.T; ++t) mean += x[t * m.C + c] / static_cast<double>(m.T);
        for (int64_t t = 0; t < m.T; ++t) squares += std::pow(x[t * m.C + c] - mean, 2);
      }
      mixing += std::sqrt(squares) / m.B;
    }
    const auto got = [&](const char* name) { return m.measured.at(name)[l]; };
    // A difference of nearly equal lengths.
    for (int64_t k = 0; k < m.T; ++k)
      CHECK(m.measured.at("residual_peak")[l * m.T + k] ==
            doctest::Approx(peak[k]).epsilon(2e-6).scale(1));
    CHECK(got("activation_first") == near(first));
    CHECK(got("activation_second") == near(second));
    CHECK(got("activation_third") == near(third));
    CHECK(got("activation_median") == near(middle));
    CHECK(got("activation_ratio") == near(ratio));
    CHECK(got("over_mixing") == near(mixing));

    for (const auto& [prefix, point] :
         {std::pair("residual_", "resid"), {"attention_", "attn.out"}}) {
      double largest = 0, kurtosis = 0;
      for (int64_t b = 0; b < m.B; ++b) {
        const float* x = m.rows(l, point, b);
        double mean = 0, variance = 0, fourth = 0, top = 0;
        for (int64_t i = 0; i < m.T * m.C; ++i) mean += x[i] / n;
        for (int64_t i = 0; i < m.T * m.C; ++i) {
          variance += std::pow(x[i] - mean, 2) / n;
          fourth += std::pow(x[i] - mean, 4) / n;
          top = std::max(top, std::abs(static_cast<double>(x[i])));
        }
        largest += top / m.B;
        kurtosis += fourth / (variance * variance + 1e-6) / m.B;
      }
      CHECK(m.measured.at(std::string(prefix) + "max_norm")[l] == near(largest));
      CHECK(m.measured.at(std::string(prefix) + "kurtosis")[l] == near(kurtosis));
    }
  }
}

TEST_CASE("matrix entropy equals its formula, for more tokens than channels and for fewer") {
  for (const int64_t C : {16, 8}) {
    ModelConfig config;
    config.layers = 2;
    config.width = C;
    config.context = 12;
    config.mlp.width = 24;
    const auto data = Kind<Dataset>("bigram_backcopy").make();
    data->open(12);
    const Transformer model(config, data->vocabulary(), 1);
    ProbeConfig probe;
    probe.batch = 3;
    Prober prober(model, *data, probe, 7, When::on_demand);
    prober.measure();
    Batch batch;
    batch.resize(3, 12);
    data->batch(7, Split::probe, 0, batch);
    KeepAll kept;
    Arena arena;
    Tape tape(arena, false);
    model.forward(tape, {batch.inputs, 3, 12}, &kept);
    for (int64_t l = 0; l < 2; ++l) {
      double mean = 0;
      for (int64_t b = 0; b < 3; ++b)
        mean += matrix_entropy(&kept.at(l, "resid")[b * 12 * C], 12, C) / 3;
      CHECK(prober.value("matrix_entropy")[l] == near(mean));
    }
  }
}

namespace {

// The loss of one sequence as a function of the input x [T, C] of the only block's attention, in
// double precision: no encoding, one head, no MLP, no final norm but the model's own.
double loss_of(const Setup& m, int64_t b, const std::vector<double>& x) {
  const int64_t T = m.T, C = m.C, V = m.data->vocabulary();
  const auto weight = [&](const std::string& name) {
    for (const Parameter& p : m.model->parameters().all())
      if (p.name == name) return p.variable.value.data;
    throw Error(name, "no such weight");
  };
  const float *qkv = weight("blocks.0.attn.qkv.weight"), *out = weight("blocks.0.attn.out.weight"),
              *gain = weight("final.norm.gain"), *logit = weight("output.weight");
  std::vector<double> z(T * 3 * C, 0.0);
  for (int64_t t = 0; t < T; ++t)
    for (int64_t j = 0; j < 3 * C; ++j)
      for (int64_t c = 0; c < C; ++c) z[t * 3 * C + j] += x[t * C + c] * qkv[c * 3 * C + j];
  double loss = 0;
  for (int64_t i = 0; i < T; ++i) {
    std::vector<double> weights, h(C), logits(V, 0.0);
    double sum = 0, mean = 0, variance = 0, total = 0;
    for (int64_t k = 0; k <= i; ++k) {
      double dot = 0;
      for (int64_t c = 0; c < C; ++c) dot += z[i * 3 * C + c] * z[k * 3 * C + C + c];
      weights.push_back(std::exp(dot / std::sqrt(static_cast<double>(C))));
      sum += weights.back();
    }
    for (int64_t c = 0; c < C; ++c) h[c] = m.kept.at(-1, "embed")[(b * T + i) * C + c];
    for (int64_t k = 0; k <= i; ++k)
      for (int64_t d = 0; d < C; ++d)
        for (int64_t c = 0; c < C; ++c)
          h[c] += weights[k] / sum * z[k * 3 * C + 2 * C + d] * out[d * C + c];
    for (const double number : h) mean += number / C;
    for (const double number : h) variance += std::pow(number - mean, 2) / C;
    for (int64_t v = 0; v < V; ++v) {
      for (int64_t c = 0; c < C; ++c)
        logits[v] += (h[c] - mean) / std::sqrt(variance + 1e-5) * gain[c] * logit[c * V + v];
      total += std::exp(logits[v]);
    }
    loss += std::log(total) - logits[m.batch.targets[b * T + i]];
  }
  return loss;
}

}  // namespace

TEST_CASE("gradient sink equals its formula on differences of the loss") {
  const Setup m("causal", "none", [](ModelConfig& c) {
    c.layers = c.heads = 1;
    c.mlp.kind.set("none");
  });
  std::vector<double> ratios(m.T, 0.0);
  for (int64_t b = 0; b < m.B; ++b) {
    std::vector<double> x(m.T * m.C), norms(m.T, 0.0);
    for (size_t i = 0; i < x.size(); ++i) x[i] = m.rows(0, "attn.in", b)[i];
    double total = 0;
    for (int64_t t = 0; t < m.T; ++t) {
      for (int64_t c = 0; c < m.C; ++c) {
        constexpr double step = 1e-4;
        std::vector<double> above = x, below = x;
        above[t * m.C + c] += step;
        below[t * m.C + c] -= step;
        norms[t] += std::pow((loss_of(m, b, above) - loss_of(m, b, below)) / (2 * step), 2);
      }
      total += norms[t] = std::sqrt(norms[t]);
    }
    for (int64_t t = 0; t < m.T; ++t)
      ratios[t] += norms[t] / ((total - norms[t]) / (m.T - 1)) / m.B;
  }
  // fp32 gradients.
  for (int64_t t = 0; t < m.T; ++t)
    CHECK(m.measured.at("gradient_sink")[t] == doctest::Approx(ratios[t]).epsilon(1e-5));
}

TEST_CASE("uniform attention has enrichment 1 and the entropy of its rows") {
  ByHand m;
  double entropy = 0;
  for (int64_t i = 0; i < m.T; ++i) {
    entropy += std::log(i + 1.0) / m.T;
    for (int64_t k = 0; k <= i; ++k) m.pattern[i * m.T + k] = 1.0f / static_cast<float>(i + 1);
  }
  const auto received = m.measure(make_received_attention());
  for (int64_t k = 0; k < m.T - 1; ++k) CHECK(received.at("enrichment")[k] == near(1));
  CHECK(received.at("enrichment")[m.T - 1] == 0);  // nobody else sees it
  CHECK(m.measure(make_attention_entropy()).at("attention_entropy")[0] == near(entropy));
  CHECK(m.measure(make_first_argmax()).at("first_argmax_share")[0] == 1);
}

TEST_CASE("one-hot rows have the whole attention on their key, entropy 0, and say who is first") {
  for (const int64_t key : {0, 3}) {
    ByHand m;
    for (int64_t i = 0; i < m.T; ++i) m.pattern[i * m.T + std::min(i, key)] = 1;
    const auto received = m.measure(make_received_attention());
    double uniform = 0;
    for (int64_t i = key + 1; i < m.T; ++i) uniform += 1.0 / (i + 1.0);
    CHECK(received.at("received_attention")[key] == 1);
    CHECK(received.at("enrichment")[key] == near((m.T - 1.0 - key) / uniform));
    CHECK(received.at("received_attention")[key + 1] == 0);
    CHECK(received.at("sink_rate")[key] == 1);
    CHECK(m.measure(make_attention_entropy()).at("attention_entropy")[0] == 0);
    CHECK(m.measure(make_first_argmax()).at("first_argmax_share")[0] ==
          near(key == 0 ? 1.0 : 1.0 / m.T));
  }
  ByHand nothing;  // rows without any weight have no largest one
  CHECK(nothing.measure(make_first_argmax()).at("first_argmax_share")[0] == 0);
}

TEST_CASE(
    "one direction has matrix entropy 0, orthonormal rows have 1, and equal tokens are mixed") {
  ByHand m;
  for (int64_t t = 0; t < m.T; ++t)
    for (int64_t c = 0; c < m.C; ++c) m.resid[t * m.C + c] = static_cast<float>((t - 3) * (c + 1));
  // Rounding leaves 1e-16 of the spectrum, times its logarithm.
  CHECK(m.measure(make_matrix_entropy()).at("matrix_entropy")[0] < 1e-12);
  CHECK(m.measure(make_over_mixing()).at("over_mixing")[0] > 1);

  m.resid.assign(m.T * m.C, 0.0f);
  for (int64_t t = 0; t < m.T; ++t) m.resid[t * m.C + 2 * t] = t % 2 ? 1 : -1;
  CHECK(m.measure(make_matrix_entropy()).at("matrix_entropy")[0] == near(1));
  CHECK(m.measure(make_over_mixing()).at("over_mixing")[0] == near(std::sqrt(m.T - 1.0)));

  for (int64_t i = 0; i < m.T * m.C; ++i) m.resid[i] = static_cast<float>(i % m.C);
  CHECK(m.measure(make_over_mixing()).at("over_mixing")[0] == 0);
  m.resid[5] = NAN;
  CHECK(std::isnan(m.measure(make_matrix_entropy()).at("matrix_entropy")[0]));
}

TEST_CASE("a planted spike gives kurtosis and max-inf norm by formula") {
  ByHand m;
  const double n = m.T * m.C, a = -50, mean = a / n;
  m.resid[37] = static_cast<float>(a);
  const double fourth = (std::pow(a - mean, 4) + (n - 1) * std::pow(mean, 4)) / n;
  const double variance = (std::pow(a - mean, 2) + (n - 1) * mean * mean) / n;
  const auto found = m.measure(make_outliers());
  CHECK(found.at("residual_kurtosis")[0] == near(fourth / (variance * variance + 1e-6)));
  CHECK(found.at("residual_max_norm")[0] == 50);
}

TEST_CASE("a massive activation is above 100 and above 1000 medians") {
  ByHand m;
  for (float& x : m.resid) x = 0.1f;
  m.resid[2 * m.C + 1] = -100.5f;
  m.resid[2 * m.C + 7] = 3000;
  m.resid[4 * m.C] = 100;  // not above 100
  auto found = m.measure(make_massive_activations());
  CHECK(found.at("massive_activations") == std::vector<float>{0, 0, 2, 0, 0, 0, 0, 0});
  CHECK(found.at("activation_first")[0] == 3000);
  CHECK(found.at("activation_second")[0] == 100.5f);
  CHECK(found.at("activation_third")[0] == 100);
  CHECK(found.at("activation_ratio")[0] == near(30000));
  for (float& x : m.resid) x = std::max(x, 0.2f);  // now 100.5 is below 1000 medians
  m.resid[2 * m.C + 1] = 100.5f;
  found = m.measure(make_massive_activations());
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
    CHECK(*values == m.measured.at(name));
  }
}

TEST_CASE("metrics of gradients are refused under edits") {
  const Setup m("causal");
  Prober prober(*m.model, *m.data, {}, 0, When::on_demand);
  Edits edits({}, m.config, m.T);
  CHECK_THROWS_WITH(prober.measure(false, &edits),
                    "probe: gradients cannot be measured under edits. Measure the metrics of "
                    "training alone.");
}
