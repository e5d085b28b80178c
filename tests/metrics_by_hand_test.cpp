// Metrics where sequences see different keys, where rows have keys that are no token's, and where
// there is nothing to measure; the numbers are worked out by hand.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "captured.h"
#include "core/fields/set_fields.h"
#include "core/statistics/order.h"
#include "metric_called.h"
#include "probe/events/waiver_place.h"
#include "probe/metrics/reduce.h"

using namespace waiver;

namespace {

/// One block with one head.
struct Hand {
  int64_t B, T;
  std::vector<float> pattern, added;
  std::vector<VisibleKeys> seen;

  std::map<std::string, std::vector<float>> measure(std::unique_ptr<Metric> metric) {
    Batch batch;
    batch.resize(B, T);
    const auto data = Kind<Dataset>("bigram_backcopy").make();
    data->open(T);
    LayerView view;
    view.batch = &batch;
    view.pattern = {pattern.data(), {B, 1, T, T}};
    const int64_t A = std::ssize(added) / (B * T);
    if (A > 0) view.added = {added.data(), {B, 1, T, A}};
    view.seen = seen;
    const std::vector<double> received = received_by_keys(view);
    view.received = received;
    metric->begin({nullptr, data.get(), 1, 1, T, 16, 16, B, A, {}});
    metric->layer(view);
    metric->finish();
    std::map<std::string, std::vector<float>> out;
    const auto series = metric->series();
    for (size_t i = 0; i < series.size(); ++i) out[series[i].name] = metric->values()[i];
    return out;
  }
};

using Change = std::function<void(ModelConfig&)>;

/// What a small model measures, whose parameters of these names are 0.
std::map<std::string, std::vector<float>> measured(
    const Change& change, const std::string& zeroed = "none",
    const std::string& data_kind = "bigram_backcopy_random") {
  ModelConfig config;
  config.layers = 2;
  config.heads = 2;
  config.width = 16;
  config.context = 12;
  config.mlp.width = 24;
  change(config);
  const auto data = Kind<Dataset>(data_kind).make();
  data->open(12);
  Transformer model(config, data->vocabulary(), 1);
  for (Parameter& p : model.parameters().all())
    if (matches(zeroed, p.name)) std::fill_n(p.variable.value.data, p.shape.size(), 0.0f);
  Prober prober(model, *data, {}, 7, When::on_demand);
  prober.measure();
  std::map<std::string, std::vector<float>> out;
  for (const auto& [name, values] : prober.values()) out[name] = *values;
  return out;
}

std::set<std::string> undefined(const std::map<std::string, std::vector<float>>& all) {
  std::set<std::string> out;
  for (const auto& [name, values] : all)
    if (std::ranges::all_of(values, [](float x) { return std::isnan(x); })) out.insert(name);
  return out;
}

}  // namespace

// The second sequence has two documents of two tokens.
TEST_CASE("α and E are means of each sequence's own, over the sequences that have one") {
  Hand m{2,
         4,
         {1,   0,   0,   0,    //
          .5f, .5f, 0,   0,    //
          .4f, .2f, .4f, 0,    //
          .3f, .1f, .1f, .5f,  //
          1,   0,   0,   0,    //
          .8f, .2f, 0,   0,    //
          0,   0,   1,   0,    //
          0,   0,   .6f, .4f},
         {},
         {}};
  for (int64_t i = 0; i < 4; ++i) m.seen.push_back({{}, {0, i + 1}});
  for (int64_t i = 0; i < 4; ++i) m.seen.push_back({{}, {i / 2 * 2, i + 1}});
  const auto got = m.measure(metric_called("received_attention"));
  const auto &alpha = got.at("received_attention"), &E = got.at("enrichment"),
             &inclusive = got.at("received_attention_inclusive");
  CHECK(alpha[0] == near((.4 + .8) / 2));  // of three queries, and of one
  CHECK(alpha[1] == near(.15));            // in the second sequence nobody else sees it
  CHECK(alpha[2] == near((.1 + .6) / 2));
  CHECK(std::isnan(alpha[3]));
  CHECK(E[0] == near((1.2 / (1. / 2 + 1. / 3 + 1. / 4) + .8 / .5) / 2));
  CHECK(E[1] == near(.3 / (1. / 3 + 1. / 4)));
  CHECK(std::isnan(E[3]));
  CHECK(inclusive[0] == near((2.2 / 4 + 1.8 / 2) / 2));
  CHECK(inclusive[3] == near((.5 + .4) / 2));
  CHECK(got.at("sink_rate")[0] == 1);
  CHECK(got.at("sink_rate")[3] == 1);
  CHECK(got.at("sink_rate")[1] == 0);
}

// A sink token and a slot: the last row sums to 1, its tokens to .8 alone.
TEST_CASE("the proxy makes shares of a whole row, sink tokens and slot included") {
  Hand m{1,
         2,
         {.5f, 0,  //
          .6f, .2f},
         {.1f, .4f, .15f, .05f},
         {{{}, {0, 1}}, {{}, {0, 2}}}};
  const auto got = m.measure(metric_called("proxy_attention"));
  CHECK(got.at("proxy_received_attention")[0] == near(.6));
  CHECK(got.at("proxy_enrichment")[0] == near(.6 / .5));
  CHECK(got.at("proxy_received_attention_inclusive")[0] == near((.5 + .6) / 2));
  CHECK(got.at("proxy_received_attention_inclusive")[1] == near(.2));
  m.added.clear();
  CHECK(m.measure(metric_called("proxy_attention")).at("proxy_received_attention")[0] == near(.75));
}

TEST_CASE(
    "the proxies of a model with sink tokens and a slot add up to less than 1 by their share") {
  const int64_t T = 12, R = 2, S = R + T;
  const Setup m("causal", "rope", [](ModelConfig& c) {
    c.layers = 1;
    c.sink_tokens = R;
    c.attention.slot.set("key");
    c.attention.normalizer.set("sigmoid");
  });
  for (int64_t h = 0; h < m.H; ++h) {
    double alpha = 0;
    for (int64_t b = 0; b < m.B; ++b)
      for (int64_t i = 1; i < T; ++i) {
        const int64_t query = (b * m.H + h) * S + R + i;
        const float* row = &m.kept.at(0, Point::attn_pattern)[query * S];
        double sum = 1e-8 + m.kept.at(0, Point::attn_slot)[query];
        for (int64_t j = 0; j < S; ++j) sum += row[j];
        alpha += row[R] / sum / (m.B * (T - 1.0));
      }
    CHECK(m.got("proxy_received_attention", 0, h, 0) == near(alpha));
  }
}

TEST_CASE("where every query sees only itself, nothing that needs others is defined") {
  const auto all = measured([](ModelConfig& c) {
    SetFields fields(SetFields::Values{{"window", "1"}});
    c.attention.mask->options(fields);
  });
  CHECK(undefined(all) == std::set<std::string>{"received_attention", "enrichment", "delta_logit",
                                                "role_received_attention", "role_enrichment",
                                                "element_waivers", "element_sinks",
                                                "element_attention", "element_value_ratio"});
  for (const float score : all.at("waiver_score")) CHECK(score == 0);
}

TEST_CASE("a model of zeros has NaN only where 0 would be divided by 0") {
  const auto all = measured([](ModelConfig&) {}, "*");
  const std::set<std::string> none = undefined(all);
  for (const char* name : {"value_ratio", "contribution_share", "key_cosine", "residual_ratio",
                           "activation_ratio", "matrix_entropy", "gradient_sink"})
    CHECK_MESSAGE(none.contains(name), name);
  for (const RegisteredMetric& metric : metrics())
    for (const SeriesSpec& spec : metric.make()->series()) {
      const bool divides = spec.description.find("÷") != std::string::npos ||
                           spec.description.find("have none") != std::string::npos;
      CHECK_MESSAGE((divides || !none.contains(spec.name)), spec.name,
                    " is NaN in a model of zeros, but its description has no ÷ that explains it");
    }
  CHECK(all.at("loss")[0] == near(std::log(64)));
}

TEST_CASE("a task without triggers has no backcopy risk") {
  const auto all = measured([](ModelConfig&) {}, "none", "unigram");
  CHECK(std::isnan(all.at("backcopy_risk")[0]));
  CHECK(all.at("bigram_risk")[0] > 0);
}

TEST_CASE("the last key of a causal mask has no α and no E, all others have") {
  const auto all = measured([](ModelConfig&) {});
  for (const char* name : {"received_attention", "enrichment"})
    for (size_t i = 0; i < all.at(name).size(); ++i)
      CHECK(std::isnan(all.at(name)[i]) == (i % 12 == 11));
}

TEST_CASE("a key without an α is no waiver's place") {
  const std::vector<double> seen = {1, 1};
  CHECK(waiver_places(std::vector<double>{NAN, .2}, seen, 1, 1)[0].key == 1);
  CHECK(waiver_places(std::vector<double>{.2, NAN}, seen, 1, 1)[0].key == 0);
  const auto none = waiver_places(std::vector<double>{NAN, NAN}, seen, 1, 1);
  CHECK(none[0].key == -1);
  CHECK(!strongest_waiver(none));
  CHECK(candidate_keys(std::vector<double>{NAN, NAN}).empty());
}

TEST_CASE("a median is NaN where one of its numbers is") {
  std::vector<double> x = {1, NAN, 2};
  CHECK(std::isnan(median(x)));
}

// Without an MLP, what a block adds to the stream is what attention adds.
TEST_CASE("the largest output of attention is what joins the stream, wherever the norms are") {
  for (const NormPlace place : {NormPlace::pre, NormPlace::post, NormPlace::sandwich})
    for (const char* gate : {"none", "output"}) {
      CAPTURE(word(place));
      const Setup m("causal", "rope", [&](ModelConfig& c) {
        c.norm.place = place;
        c.mlp.kind.set("none");
        c.attention.gate.set(gate);
      });
      // With post, what leaves the block is the norm of the sum.
      const bool sums = place != NormPlace::post;
      double largest = 0;
      for (int64_t b = 0; b < m.B; ++b) {
        double top = 0;
        for (int64_t i = 0; i < m.T * m.C; ++i) {
          const double joined =
              sums ? m.rows(0, Point::resid, b)[i] - m.kept.at(-1, Point::embed)[b * m.T * m.C + i]
                   : m.rows(0, Point::attn_out, b)[i];
          top = std::max(top, std::abs(joined));
        }
        largest += top / m.B;
      }
      // A difference of numbers of a few units.
      CHECK(m.measured.at("attention_max_norm")[0] == doctest::Approx(largest).epsilon(1e-5));
    }
}

TEST_CASE("what joins the stream is shown after dropout too") {
  ModelConfig config;
  config.layers = 1;
  config.width = 16;
  config.context = 12;
  config.mlp.kind.set("none");
  config.norm.place = NormPlace::sandwich;
  config.dropout.residual = 0.5;
  const Transformer model(config, 9, 1);
  const std::vector<int32_t> tokens = {0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2};
  KeepAll kept;
  Arena arena;
  Tape tape(arena, false);
  model.forward(tape, {tokens, 1, 12, {}, Noise{3, 0, 0}}, &kept);
  int dropped = 0;
  for (size_t i = 0; i < kept.at(0, Point::attn_added).size(); ++i) {
    const float added = kept.at(0, Point::attn_added)[i];
    dropped += added == 0;
    CHECK(kept.at(0, Point::resid)[i] - kept.at(-1, Point::embed)[i] ==
          doctest::Approx(added).epsilon(1e-5).scale(1));
  }
  CHECK(dropped > 40);
}
