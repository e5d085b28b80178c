// What is measured of keys and queries by their role, in closed form on models set by hand, and
// against plain loops over what a pass shows on others.
#include <doctest/doctest.h>

#include "datasets.h"
#include "distance.h"
#include "marked.h"
#include "probe/prober.h"
#include "role_loops.h"

namespace waiver {
namespace {

constexpr int64_t T = kMarkedTokens;

Series measured(const Transformer& model, const Dataset& data, int64_t sequences) {
  ProbeConfig probe;
  probe.batch = sequences;
  Prober prober(model, data, probe, 0);
  prober.measure();
  Series out;
  for (const auto& [name, values] : prober.values())
    if (name.starts_with("role_")) out[name].assign(values->begin(), values->end());
  return out;
}

void check_against_loop(Transformer& model, const Dataset& data, int64_t sequences = 5) {
  const Series found = measured(model, data, sequences);
  const Series expected = PlainLoop(model, data, sequences).all();
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, values] : expected) {
    CAPTURE(name);
    const std::vector<double>& own = found.at(name);
    REQUIRE(own.size() == values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      CAPTURE(i);
      CHECK(std::isnan(own[i]) == std::isnan(values[i]));
      if (!std::isnan(values[i])) CHECK(own[i] == near(values[i]));
    }
  }
}

ModelConfig small(reference::Edits edits) {
  for (const auto& [key, number] : std::map<std::string, double>{
           {"layers", 2}, {"heads", 2}, {"width", 16}, {"context", 12}, {"mlp.width", 24}})
    edits.numbers.emplace(key, number);
  ModelConfig config;
  reference::Settings(config, edits);
  return config;
}

void check_task(const std::string& kind, SetFields::Values options, reference::Edits edits,
                int64_t sequences = 5) {
  const auto data = open_with(kind, std::move(options), 12);
  if (data->features() > 0) {
    edits.words["input"] = "features";
    edits.numbers["width"] = static_cast<double>(data->features());
    edits.numbers["dedicated.count"] = static_cast<double>(data->dedicated());
    edits.numbers["dedicated.std"] = 1;
  }
  Transformer model(small(std::move(edits)), data->vocabulary(), 3);
  check_against_loop(model, *data, sequences);
}

const double kShare = std::exp(6.0) / (std::exp(6.0) + T - 1), kRest = 1 / (std::exp(6.0) + T - 1);
// Sums of 16 weights, each rounded to a float.
constexpr double kRounding = 1e-5;

bool is(double x, double y) { return std::abs(x - y) < kRounding * std::max(1.0, y); }

}  // namespace

TEST_CASE("a waiver that stands elsewhere in each sequence is found by its role, exactly") {
  const auto model = build_marked({});
  const Series s = measured(*model, Marked{}, 16);
  // Entries of query_role: all, asks, silent, dedicated; of key_role: mark_0, first, other.
  const std::vector<double>&alpha = s.at("role_received_attention"), &E = s.at("role_enrichment"),
        &ratio = s.at("role_value_ratio"), &score = s.at("role_waiver_score");
  for (const int64_t q : {0, 1}) {
    CAPTURE(q);
    CHECK(is(alpha[q * 3], kShare));
    CHECK(is(E[q * 3], T * kShare));
    CHECK(score[q * 3] == 2);
    for (const int64_t k : {1, 2}) {
      CHECK(is(alpha[q * 3 + k], kRest));
      CHECK(is(E[q * 3 + k], T * kRest));
      CHECK(score[q * 3 + k] == 0);
    }
  }
  // No token is silent, and a dedicated one is no other query's than its own for its own key.
  for (const int64_t k : {0, 1, 2}) CHECK(std::isnan(alpha[2 * 3 + k]));
  CHECK(std::isnan(alpha[3 * 3]));
  CHECK(is(alpha[3 * 3 + 2], kRest));
  CHECK(score[3 * 3] == 0);
  CHECK(is(ratio[0], 0.1));
  CHECK(is(ratio[1], 1));
  CHECK(is(ratio[2], 1));
  CHECK(is(s.at("role_value_norm")[0], 0.1));
  CHECK(is(s.at("role_output_value_norm")[2], 1));
}

TEST_CASE("a value that is not small makes a sink only, of whichever role") {
  const auto model = build_marked({.values = {1}});
  const Series s = measured(*model, Marked{}, 16);
  CHECK(s.at("role_waiver_score")[0] == 1);
  CHECK(is(s.at("role_value_ratio")[0], 1));
}

TEST_CASE(
    "only the queries of a role give a key what they give, and the mean over all is diluted") {
  const auto model = build_marked({});
  Marked data;
  data.silent = 0.6;
  const Series s = measured(*model, data, 16);
  const std::vector<double>& alpha = s.at("role_received_attention");
  CHECK(is(alpha[1 * 3], kShare));   // of those who ask
  CHECK(is(alpha[2 * 3], 1.0 / T));  // of the silent ones, whose scores are all 0
  CHECK(is(alpha[2 * 3 + 2], 1.0 / T));
  CHECK(s.at("role_waiver_score")[1 * 3] == 2);
  CHECK(s.at("role_waiver_score")[2 * 3] == 0);
  Batch batch;
  batch.resize(16, T);
  data.batch(0, Split::probe, 0, batch);
  double share = 0;  // of the asking ones among the others, mean over sequences
  for (const int32_t kind : batch.inputs) share += kind == Marked::kAsks ? 1.0 / (T - 1) / 16 : 0;
  CHECK(is(alpha[0], share * kShare + (1 - share) / T));
}

TEST_CASE("several candidates share, each by its own pull, and each has its own role") {
  const auto model = build_marked({.pulls = {6, 5, 0}, .values = {0.1f, 0.2f, 1}});
  Marked data;
  data.count = 3;
  const Series s = measured(*model, data, 16);
  const double whole = std::exp(6.0) + std::exp(5.0) + T - 2;
  const std::vector<double>& alpha = s.at("role_received_attention");
  REQUIRE(alpha.size() == 4 * 5);
  CHECK(is(alpha[0], std::exp(6.0) / whole));
  CHECK(is(alpha[1], std::exp(5.0) / whole));
  CHECK(is(alpha[2], 1 / whole));
  CHECK(is(s.at("role_value_ratio")[1], 0.2));
  CHECK(is(s.at("role_value_ratio")[2], 1));
}

TEST_CASE("a role that some sequences lack is a mean over the others, and NaN where all lack it") {
  const auto model = build_marked({});
  Marked half;
  half.every = 2;
  const Series s = measured(*model, half, 16);
  CHECK(is(s.at("role_received_attention")[0], kShare));
  CHECK(is(s.at("role_value_ratio")[0], 0.1));
  // In the sequences without it all keys are equal.
  CHECK(is(s.at("role_received_attention")[2], (kRest + 1.0 / T) / 2));
  Marked none;
  none.count = 2;
  none.every = 1000;
  const auto two = build_marked({.pulls = {6, 6}, .values = {0.1f, 0.1f}});
  Transformer& last = *two;
  const Series without = measured(last, none, 16);
  // Sequence 0 has both; without it there is none.
  CHECK_FALSE(std::isnan(without.at("role_received_attention")[1]));
  class Lacking : public Marked {
   public:
    std::vector<std::string> key_roles() const override {
      return {"mark_0", "first", "other", "x"};
    }
  };
  const Series lacking = measured(*model, Lacking{}, 16);
  for (const char* name :
       {"role_received_attention", "role_enrichment", "role_value_norm", "role_output_value_norm",
        "role_value_ratio", "role_residual_norm", "role_residual_ratio"}) {
    CAPTURE(name);
    CHECK(std::isnan(lacking.at(name)[3]));
  }
  CHECK(lacking.at("role_waiver_score")[3] == 0);
}

TEST_CASE("in a causal model a key is judged by the queries behind it") {
  const auto model = build_marked({.more = {{{"attention.mask", "causal"}}, {}}});
  Marked data;
  data.at = {3};
  const Series s = measured(*model, data, 4);
  double sum = 0, uniform = 0;
  for (int64_t i = 4; i < T; ++i) {
    sum += std::exp(6.0) / (std::exp(6.0) + i);
    uniform += 1.0 / (i + 1);
  }
  CHECK(is(s.at("role_received_attention")[0], sum / (T - 4)));
  CHECK(is(s.at("role_enrichment")[0], sum / uniform));
  data.at = {T - 1};  // which no other query sees
  const Series last = measured(*model, data, 4);
  CHECK(std::isnan(last.at("role_received_attention")[0]));
  CHECK(last.at("role_waiver_score")[0] == 0);
  CHECK(is(last.at("role_value_ratio")[0], 0.1));
}

TEST_CASE("the series by role of models set by hand are those of plain loops") {
  for (const char* mask : {"bidirectional", "causal"})
    for (const char* normalizer : {"softmax", "sigmoid", "relu"})
      for (const double sinks : {0, 2}) {
        CAPTURE(mask);
        CAPTURE(normalizer);
        CAPTURE(sinks);
        Marked data;
        data.count = 3;
        data.silent = 0.4;
        data.every = 3;
        const auto model =
            build_marked({.pulls = {6, 3, -1},
                          .values = {0.1f, 0.5f, 2},
                          .more = {{{"attention.mask", mask}, {"attention.normalizer", normalizer}},
                                   {{"sink_tokens", sinks}}}});
        if (sinks > 0) weight_of(*model, "embed.sink.weight").row(1)[1] = 4;
        check_against_loop(*model, data, 7);
      }
}

TEST_CASE("the series by role of tasks of tokens are those of plain loops") {
  check_task("bigram_backcopy", {{"triggers", 5}}, {});
  check_task("bigram_backcopy", {{"triggers", 5}, {"last", 2}}, {});
  check_task("bigram_backcopy", {{"triggers", 3}, {"first", 2}, {"last", 1}},
             {{{"attention.normalizer", "sigmoid"}}, {{"sink_tokens", 1}}});
}

TEST_CASE("the series by role of tasks of features are those of plain loops") {
  const SetFields::Values features = {{"features", 6}};
  const auto with = [&](SetFields::Values more) {
    more.insert(features.begin(), features.end());
    return more;
  };
  for (const char* mask : {"bidirectional", "causal"}) {
    const reference::Edits edits{{{"attention.mask", mask}}, {}};
    check_task("nop", with({{"dedicated", "random"}}), edits);
    check_task("nop", with({{"dedicated", "random"}, {"dedicated.count", 3}}), edits);
    check_task("nop", with({{"dedicated.at", "0,11"}, {"active", 1}}), edits);
    check_task("nop", with({{"dedicated", "none"}}), edits);
    check_task("broadcast", features, edits);
    check_task("broadcast", with({{"dedicated", "random"}}), edits);
  }
  check_task("trigger_average", {{"features", 8}}, {});
}

}  // namespace waiver
