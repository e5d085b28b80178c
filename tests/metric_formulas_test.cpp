// Metrics of models against plain formulas in double precision.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "captured.h"
#include "core/error.h"

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

TEST_CASE("a head's output, and its share of the block's, equal their formulas") {
  for (const char* mask : {"causal", "bidirectional"}) {
    const Setup m(mask);
    for (int64_t l = 0; l < m.L; ++l) {
      double norm[m.H] = {}, ratio[m.H] = {};
      for (int64_t b = 0; b < m.B; ++b) {
        double mine[m.H] = {}, total = 0;
        for (int64_t h = 0; h < m.H; ++h)
          for (int64_t i = 0; i < m.T; ++i) {
            double squares = 0;
            for (int64_t d = 0; d < m.D; ++d) {
              double out = 0;
              for (int64_t k = 0; k < m.T; ++k)
                out += m.A(l, b, h, i, k) * static_cast<double>(m.qkv(l, b, k, 2, h)[d]);
              squares += out * out;
            }
            mine[h] += std::sqrt(squares) / m.T;
            total += std::sqrt(squares) / m.T;
          }
        for (int64_t h = 0; h < m.H; ++h) {
          norm[h] += mine[h] / m.B;
          ratio[h] += mine[h] / (total / m.H) / m.B;
        }
      }
      for (int64_t h = 0; h < m.H; ++h) {
        CHECK(m.measured.at("head_output_norm")[l * m.H + h] == near(norm[h]));
        CHECK(m.measured.at("head_output_ratio")[l * m.H + h] == near(ratio[h]));
      }
    }
  }
}

TEST_CASE("proxy attention is measured only where weights are not shares") {
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
          CHECK(m.got("proxy_received_attention_inclusive", l, h, k) == near(all));
          if (k == m.T - 1) {
            CHECK(std::isnan(m.got("proxy_received_attention", l, h, k)));
            CHECK(std::isnan(m.got("proxy_enrichment", l, h, k)));
          } else {
            CHECK(m.got("proxy_received_attention", l, h, k) ==
                  near(others / (m.B * (m.T - 1 - k))));
            CHECK(m.got("proxy_enrichment", l, h, k) == near(others / uniform));
          }
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
      const float* x = m.rows(l, Point::resid, b);
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
         {std::pair("residual_", Point::resid), {"attention_", Point::attn_added}}) {
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
        mean += matrix_entropy(&kept.at(l, Point::resid)[b * 12 * C], 12, C) / 3;
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
    for (int64_t c = 0; c < C; ++c) h[c] = m.kept.at(-1, Point::embed)[(b * T + i) * C + c];
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
    for (size_t i = 0; i < x.size(); ++i) x[i] = m.rows(0, Point::attn_in, b)[i];
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
