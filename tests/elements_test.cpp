// Waiver elements of each sequence by itself, against plain formulas, and the table of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "captured.h"
#include "config_files.h"
#include "core/statistics/order.h"
#include "inspect/probe_report.h"
#include "probe/metrics/waiver_score.h"
#include "program.h"
#include "run/log_file.h"

using namespace waiver;

namespace {

// Low, so that a model without any training has elements of both verdicts.
constexpr WaiverThresholds kLow = {0.1, 1.05, 0.95};

double output_value_norm(const Setup& m, int64_t l, int64_t b, int64_t t, int64_t h) {
  const Tensor& W = m.model->output_projection(l);
  double squares = 0;
  for (int64_t c = 0; c < m.C; ++c) {
    double out = 0;
    for (int64_t d = 0; d < m.D; ++d)
      out += static_cast<double>(m.qkv(l, b, t, 2, h)[d]) * W.row(h * m.D + d)[c];
    squares += out * out;
  }
  return std::sqrt(squares);
}

/// α, E and r_V of one key of one sequence.
struct Numbers {
  double alpha = 0, enrichment = 0, ratio = 0;
  Verdict verdict() const {
    return classify(kLow, static_cast<float>(alpha), static_cast<float>(enrichment),
                    static_cast<float>(ratio));
  }
};

Numbers numbers_of(const Setup& m, int64_t l, int64_t b, int64_t h, int64_t k) {
  double received = 0, count = 0, uniform = 0;
  std::vector<double> norms;
  for (int64_t i = 0; i < m.T; ++i) {
    norms.push_back(output_value_norm(m, l, b, i, h));
    if (i == k || !m.sees(i, k)) continue;
    double seen = 0;
    for (int64_t j = 0; j < m.T; ++j) seen += m.sees(i, j);
    received += m.A(l, b, h, i, k);
    count += 1;
    uniform += 1 / seen;
  }
  const double own = norms[k];
  return {received / count, received / uniform, own / median(norms)};
}

}  // namespace

TEST_CASE("elements of a sequence equal their formulas") {
  for (const char* mask : {"causal", "bidirectional"}) {
    const Setup m(mask, "rope", {}, kLow);
    const int64_t keys = mask == std::string("causal") ? 9 : m.T;  // seen by more than a quarter
    double waivers = 0, sinks = 0;
    for (int64_t l = 0; l < m.L; ++l) {
      double anywhere[m.H] = {};
      for (int64_t b = 0; b < m.B; ++b) {
        bool any[m.H] = {};
        for (int64_t k = 0; k < m.T; ++k) {
          const size_t at = (l * m.B + b) * m.T + k;
          const auto got = [&](const char* name) { return m.measured.at(name)[at]; };
          if (k >= keys) {
            CHECK(std::isnan(got("element_waivers")));
            CHECK(std::isnan(got("element_attention")));
            continue;
          }
          double here = 0, sinks_here = 0;
          Numbers most;
          for (int64_t h = 0; h < m.H; ++h) {
            const Numbers n = numbers_of(m, l, b, h, k);
            here += n.verdict() == Verdict::waiver;
            sinks_here += n.verdict() != Verdict::neither;
            any[h] |= n.verdict() == Verdict::waiver;
            if (n.alpha > most.alpha) most = n;
          }
          CHECK(got("element_waivers") == here);
          CHECK(got("element_sinks") == sinks_here);
          CHECK(got("element_attention") == near(most.alpha));
          CHECK(got("element_value_ratio") == near(most.ratio));
          waivers += here, sinks += sinks_here;
        }
        for (int64_t h = 0; h < m.H; ++h) anywhere[h] += any[h];
      }
      for (int64_t h = 0; h < m.H; ++h)
        CHECK(m.measured.at("waiver_anywhere")[l * m.H + h] == near(anywhere[h] / m.B));
    }
    CHECK(waivers > 0);
    CHECK(sinks > waivers);
  }
}

TEST_CASE("states of a sequence equal their formulas") {
  const Setup m("causal");
  for (int64_t l = 0; l < m.L; ++l)
    for (int64_t b = 0; b < m.B; ++b) {
      const float* x = m.rows(l, Point::resid, b);
      const auto product = [&](int64_t s, int64_t t) {
        double sum = 0;
        for (int64_t c = 0; c < m.C; ++c)
          sum += static_cast<double>(x[s * m.C + c]) * x[t * m.C + c];
        return sum;
      };
      double total = 0;
      for (int64_t t = 0; t < m.T; ++t) total += std::sqrt(product(t, t));
      for (int64_t t = 0; t < m.T; ++t) {
        const size_t at = (l * m.B + b) * m.T + t;
        const double norm = std::sqrt(product(t, t));
        CHECK(m.measured.at("element_residual_ratio")[at] ==
              near(norm * (m.T - 1) / (total - norm)));
        CHECK(m.measured.at("element_cosine")[at] ==
              near(product(0, t) / norm / std::sqrt(product(0, 0))));
        CHECK(m.measured.at("element_massive")[at] == 0);
      }
    }
}

TEST_CASE("a massive activation is found where it stands") {
  const Setup m("causal", "learned", [](ModelConfig& c) { c.layers = 1; });
  // A position vector makes one channel huge, at token 5 of every sequence.
  for (const Parameter& p : m.model->parameters().all())
    if (p.name == "embed.position.weight") p.variable.value.row(5)[3] = 1e4f;
  ProbeConfig probe;
  probe.batch = m.B;
  Prober prober(*m.model, *m.data, probe, 7, When::on_demand);
  prober.measure();
  for (int64_t b = 0; b < m.B; ++b)
    for (int64_t t = 0; t < m.T; ++t)
      CHECK(prober.value("element_massive")[b * m.T + t] == (t == 5 ? 1 : 0));
}

TEST_CASE("probe lists waiver elements by token") {
  const Folder folder;
  const auto config =
      folder.write("c.yaml",
                   "model: {layers: 2, heads: 2, width: 16, context: 16, mlp: {width: 24}}\n"
                   "train: {steps: 2, batch: 4, eval: {every: 0}}\nprobe: {every: 0, batch: 3}\n");
  REQUIRE(run_program({"train", config, "--out", folder.path("run")}).status == 0);
  const Ended none = run_program({"probe", folder.path("run")});
  CHECK(none.output.find("No key is a waiver element in any sequence by itself.") !=
        none.output.npos);

  const Ended low =
      run_program({"probe", folder.path("run"), "probe.waiver.received_attention=0.01",
                   "probe.waiver.enrichment=0.1", "probe.waiver.value_ratio=100", "--out",
                   folder.path("p.h5")});
  INFO(low.output);
  REQUIRE(low.status == 0);
  // Every key that many queries see is one, the first of all in both layers and all heads.
  const size_t at = low.output.find("\nposition 0 ");
  REQUIRE(at != low.output.npos);
  CHECK(low.output.substr(at + 1, low.output.find('\n', at + 1) - at - 1)
            .starts_with("position 0              3  0–1             2"));
  CHECK(low.output.find(" other tokens\n") != low.output.npos);
  const Log log = Log::open(folder.path("p.h5"));
  CHECK(std::ssize(log.strings("sequences", "tokens")) == 3 * 16);
  CHECK(log.axes().at("sequence") == 3);
}
