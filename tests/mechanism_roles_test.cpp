// What selects a waiver that stands elsewhere in each sequence, of models set by hand.
#include <doctest/doctest.h>

#include "distance.h"
#include "marked.h"
#include "probe/mechanism/mechanism.h"
#include "probe/mechanism/series.h"

namespace waiver {
namespace {

constexpr int64_t T = kMarkedTokens;

Mechanism mechanism_of(const MarkedModel& marked, const Marked& data = {}, int64_t sequences = 16) {
  const auto model = build_marked(marked);
  ProbeConfig probe;
  probe.batch = sequences;
  Prober prober(*model, data, probe, 0);
  return find_mechanism(*model, prober);
}

const Finding& finding(const Mechanism& m, const std::string& id) {
  return *std::ranges::find(m.findings, id, &Finding::id);
}
double number(const Finding& f, const std::string& name) {
  for (const auto& [key, value] : f.numbers)
    if (key == name) return value;
  FAIL("no number is called ", name);
  std::abort();
}

const double kShare = std::exp(6.0) / (std::exp(6.0) + T - 1);
// Sums of 16 weights, each rounded to a float.
constexpr double kRounding = 1e-5;

}  // namespace

TEST_CASE(
    "a waiver that stands elsewhere in each sequence is found, and selected by its features") {
  const Mechanism m = mechanism_of({});
  CHECK(m.waiver == -1);
  CHECK(m.key == "mark_0");
  CHECK(m.queries == "all");
  CHECK(m.status == Verdict::waiver);
  CHECK(m.selected_by == SelectedBy::feature_distribution);
  CHECK(m.follows.encoding == 0);
  CHECK(std::abs(m.follows.content - 1) < kRounding);
  CHECK(std::abs(m.follows.both - 1) < kRounding);
  CHECK(std::abs(m.received - kShare) < kRounding);
  CHECK(std::abs(m.enrichment - T * kShare) < T * kRounding);
  CHECK(std::abs(m.value_ratio - 0.1) < kRounding);
  CHECK(finding(m, "W1").outcome == Outcome::supported);
  CHECK(number(finding(m, "W1"), "r_V") == doctest::Approx(0.1));
  CHECK(finding(m, "W5").outcome == Outcome::supported);
  CHECK(number(finding(m, "W4"), "natural") == 1);
  CHECK(number(finding(m, "W4"), "replaced") == 0);
  // A copy of it takes half of what it had.
  CHECK(finding(m, "W10").outcome == Outcome::supported);
  const double half = std::exp(6.0) / (2 * std::exp(6.0) + T - 2);
  CHECK(std::abs(number(finding(m, "W10"), "share") - half / kShare) < kRounding);
}

TEST_CASE("the place of a waiver in its sequence changes nothing of what is found of it") {
  Marked fixed;
  fixed.at = {4};
  const Mechanism moves = mechanism_of({}), stays = mechanism_of({}, fixed);
  CHECK(stays.waiver == 4);
  CHECK(stays.key == "position 4");
  CHECK(std::abs(moves.received - stays.received) < kRounding);
  const auto a = numbers_of(moves), b = numbers_of(stays);
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    CAPTURE(a[i].first);
    if (a[i].first == "position" || a[i].first == "key_role") continue;
    CHECK(std::isnan(a[i].second) == std::isnan(b[i].second));
    if (std::isnan(a[i].second)) continue;
    // Other tokens count for the loss where others are dedicated.
    CHECK(a[i].second == doctest::Approx(b[i].second).epsilon(1e-2));
  }
}

TEST_CASE("a sink for the queries of one role alone is found among these") {
  Marked data;
  data.silent = 0.8;
  const Mechanism m = mechanism_of({}, data);
  CHECK(m.key == "mark_0");
  CHECK(m.queries == "asks");
  CHECK(m.query_role == 1);
  CHECK(m.status == Verdict::waiver);
  CHECK(std::abs(m.received - kShare) < kRounding);
  CHECK(m.selected_by == SelectedBy::feature_distribution);
  CHECK(m.follows.encoding == 0);
  CHECK(m.follows.content > 0.99);
}

TEST_CASE(
    "of several candidates the one with the stronger pull is the waiver, wherever it stands") {
  for (const bool first : {true, false}) {
    CAPTURE(first);
    Marked data;
    data.count = 2;
    const Mechanism m =
        mechanism_of({.pulls = first ? std::vector<float>{6, 3} : std::vector<float>{3, 6},
                      .values = {0.1f, 0.1f}},
                     data);
    CHECK(m.key == (first ? "mark_0" : "mark_1"));
    CHECK(m.selected_by == SelectedBy::feature_distribution);
    const double share = std::exp(6.0) / (std::exp(6.0) + std::exp(3.0) + T - 2);
    CHECK(std::abs(m.received - share) < kRounding);
  }
}

TEST_CASE(
    "positions that enter attention alone select by their encoding, not by what stands there") {
  for (const char* mask : {"bidirectional", "causal"}) {
    CAPTURE(mask);
    const Mechanism m = mechanism_of(
        {.pulls = {0}, .values = {1}, .by_position = 6, .more = {{{"attention.mask", mask}}, {}}});
    CHECK(m.waiver == 0);
    CHECK(m.key == "position 0");
    CHECK(m.status == Verdict::waiver);
    CHECK(m.selected_by == SelectedBy::position_encoding);
    CHECK(m.follows.content == 0);
    // A causal query sees fewer keys, so that both places receive a little more than in the other.
    CHECK(std::abs(m.follows.encoding - 1) < (std::string(mask) == "causal" ? 0.05 : kRounding));
    CHECK(finding(m, "W9").outcome == Outcome::supported);
    CHECK(number(finding(m, "W9"), "spearman") == 1);
    CHECK(number(finding(m, "W9"), "E_without") == doctest::Approx(1).epsilon(1e-4));
    CHECK(finding(m, std::string(mask) == "causal" ? "W6" : "W5").outcome ==
          (std::string(mask) == "causal" ? Outcome::position_selected : Outcome::supported));
  }
}

TEST_CASE("where no key is a sink for all, that of the role with the strongest one is the waiver") {
  Marked data;
  data.count = 2;
  data.silent = 0.5;
  const WaiverThresholds strict = {.received_attention = 0.62};
  for (const bool asking : {true, false}) {
    CAPTURE(asking);
    const float strong = 6, weak = 3.5;
    const auto model = build_marked({.pulls = {asking ? strong : weak, 0},
                                     .values = {0.1f, 0.1f},
                                     .silent_pulls = {0, asking ? weak : strong}});
    Prober prober(*model, data, ProbeConfig{}, 0);
    const Mechanism m = find_mechanism(*model, prober, strict);
    CHECK(m.key == (asking ? "mark_0" : "mark_1"));
    CHECK(m.queries == (asking ? "asks" : "silent"));
    CHECK(std::abs(m.received - kShare) < kRounding);
  }
}

TEST_CASE(
    "a causal waiver that moves is judged by the queries behind it, and follows its features") {
  const Mechanism m = mechanism_of({.more = {{{"attention.mask", "causal"}}, {}}});
  CHECK(m.key == "mark_0");
  CHECK(m.status == Verdict::waiver);
  CHECK(m.selected_by == SelectedBy::feature_distribution);
  double alpha = 0;
  for (int64_t k = 0; k + 1 < T; ++k)  // at the last place nothing sees it
    for (int64_t i = k + 1; i < T; ++i)
      alpha += std::exp(6.0) / (std::exp(6.0) + static_cast<double>(i)) /
               static_cast<double>((T - 1 - k) * (T - 1));
  CHECK(std::abs(m.received - alpha) < kRounding);
  CHECK(m.follows.encoding == 0);
  CHECK(std::abs(m.follows.content - 1) < 0.05);
  CHECK(finding(m, "W4").outcome == Outcome::refuted);
}

TEST_CASE("where both ways are open, the stronger one is named, and a draw is mixed") {
  Marked fixed;
  fixed.at = {0};
  const auto both = [&](float by_features, float by_position) {
    return mechanism_of({.pulls = {by_features}, .values = {1}, .by_position = by_position}, fixed);
  };
  CHECK(both(3, 3).selected_by == SelectedBy::mixed);
  CHECK(std::abs(both(3, 3).follows.both - 1) < kRounding);
  // Where they stand apart, each has its own.
  CHECK(mechanism_of({.pulls = {6}, .by_position = 3}).key == "mark_0");
  CHECK(mechanism_of({.pulls = {3}, .by_position = 6}).key == "position 0");
  // Where nothing attracts, nothing is selected.
  CHECK(mechanism_of({.pulls = {0}, .values = {1}}).selected_by == SelectedBy::nothing);
}

TEST_CASE("the mechanism tests leave the model, and what is measured of it, as they were") {
  const auto model = build_marked({});
  const Marked data;
  Prober prober(*model, data, ProbeConfig{}, 0);
  prober.measure();
  const std::vector<float> before = prober.value("role_received_attention");
  const auto values = model->parameters().values();
  const std::vector<float> weights(values.begin(), values.end());
  find_mechanism(*model, prober);
  CHECK(std::equal(weights.begin(), weights.end(), values.begin()));
  prober.measure();
  CHECK(same_numbers(prober.value("role_received_attention"), before));
}

TEST_CASE("queries that are never answered name no waiver") {
  Marked data;
  data.count = 2;
  data.silent = 0.5;
  const auto model =
      build_marked({.pulls = {3.5f, 0}, .values = {0.1f, 0.1f}, .silent_pulls = {0, 6}});
  const WaiverThresholds strict = {.received_attention = 0.62};
  for (const bool answered : {true, false}) {
    CAPTURE(answered);
    data.silent_answered = answered;
    Prober prober(*model, data, ProbeConfig{}, 0);
    const Mechanism m = find_mechanism(*model, prober, strict);
    CHECK(m.queries == (answered ? "silent" : "asks"));
    CHECK(m.key == (answered ? "mark_1" : "mark_0"));
    CHECK(m.key_role == (answered ? 1 : 0));
  }
}

TEST_CASE(
    "positions that are added to features have effective encodings, and donors have features") {
  ModelConfig config;
  reference::Settings(config, {{{"position", "learned"}, {"input", "features"}},
                               {{"layers", 2},
                                {"heads", 1},
                                {"width", kMarkedFeatures},
                                {"context", T},
                                {"mlp.width", 8}}});
  const Marked data;
  const Transformer model(config, data.vocabulary(), 1);
  Prober prober(model, data, ProbeConfig{}, 0);
  CHECK(std::isfinite(find_mechanism(model, prober).follows.effective));
  // Where every sequence gets all that the next one has, the mean over them stays.
  prober.measure();
  const std::vector<float> natural = prober.value("received_attention");
  for (const bool all : {true, false}) {
    CAPTURE(all);
    Edits edits({make_edit({"features"}, "donor",
                           all ? std::vector<std::string>{} : std::vector<std::string>{"3"})},
                config, T);
    prober.measure(false, &edits);
    CHECK((distance(prober.value("received_attention"), natural) < kRounding) == all);
  }
  // Effective encodings are the same in every sequence.
  Edits same({make_edit({"blocks.0.effective"}, "donor", {"3"})}, config, T);
  prober.measure(false, &same);
  CHECK(distance(prober.value("received_attention"), natural) < kRounding);
}

}  // namespace waiver
