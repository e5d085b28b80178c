#include "probe/mechanism/mechanism.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>

#include "core/random.h"
#include "core/statistics/order.h"
#include "distance.h"
#include "keep_all.h"
#include "probe/effective.h"
#include "reference/settings.h"
#include "temporary.h"

// Models whose mechanism is known because their weights were set by hand: one layer, one head,
// nothing else. Channel 0 of the residual stream is 1 for every token, 1 is what makes a key
// attractive, 2 is what values are made of.

namespace waiver {
namespace {

constexpr int64_t T = 16, C = 16, V = 12;
constexpr float kPull = 6;  // the score of the attractive key; all others have 0

/// Random tokens; the first is token V − 1 in every sequence. Or the same token everywhere.
class Letters : public Dataset {
 public:
  explicit Letters(bool identical) : identical_(identical) {}
  void open(int64_t) override {}
  int64_t vocabulary() const override { return V; }
  void fill(const Draws& draws, Batch& out) const override {
    for (int64_t i = 0; i < out.batch * out.tokens; ++i) {
      const int64_t b = i / out.tokens, t = i % out.tokens;
      const auto letter = draws.numbers("", b, out.tokens).below(t, V - 2);
      out.inputs[i] = identical_ ? 3 : t == 0 ? V - 1 : static_cast<int32_t>(letter);
      out.targets[i] = 0;
    }
  }

 private:
  bool identical_;
};

struct Built {
  std::string position = "none", mask = "bidirectional";
  float by_token = 0;     // how much the first token attracts
  float by_position = 0;  // how much position 0 attracts
  bool identical = false;
  std::string normalizer = "softmax";
  double window = 0, prefix = 0;
  int block = 0;  // which does all this; those before it do nothing
};

std::unique_ptr<Transformer> build(const Built& built) {
  ModelConfig config;
  reference::Settings(config, {{{"position", built.position},
                                {"attention.mask", built.mask},
                                {"attention.normalizer", built.normalizer},
                                {"mlp.kind", "none"},
                                {"norm.kind", "none"}},
                               {{"layers", built.block + 1},
                                {"heads", 1},
                                {"width", C},
                                {"context", T},
                                {"attention.mask.window", built.window},
                                {"attention.mask.prefix", built.prefix}}});
  auto made = std::make_unique<Transformer>(config, V, 1);
  Transformer& model = *made;
  const auto weight = [&](const std::string& name) -> Tensor {
    for (Parameter& p : model.parameters().all())
      if (p.name == name) return p.variable.value;
    FAIL("no parameter matches ", name);
    std::abort();
  };
  for (float& x : model.parameters().values()) x = 0;
  const std::string attention = fmt::format("blocks.{}.attn.", built.block);
  const Tensor tokens = weight("embed.token.weight"), qkv = weight(attention + "qkv.weight"),
               out = weight(attention + "out.weight"), logits = weight("output.weight");
  for (int64_t v = 0; v < V; ++v) {
    tokens.row(v)[0] = 1;
    tokens.row(v)[2] = 1;
    tokens.row(v)[3] = static_cast<float>(v) / V;
  }
  tokens.row(V - 1)[1] = built.by_token;
  if (built.by_token > 0) tokens.row(V - 1)[2] = 0.1f;
  if (built.by_position > 0) {
    const Tensor positions = weight("embed.position.weight");
    positions.row(0)[1] = built.by_position;
    positions.row(0)[2] = -0.9f;
  }
  qkv.row(0)[0] = std::sqrt(static_cast<float>(C));  // q_0 = √D, which the scale takes away again
  qkv.row(1)[C] = 1;                                 // k_0 = channel 1
  qkv.row(2)[2 * C] = 1;                             // v_0 = channel 2
  out.row(0)[4] = 1;
  for (int64_t v = 0; v < V; ++v) logits.row(4)[v] = static_cast<float>(v);
  return made;
}

Mechanism mechanism_of(const Built& built) {
  const auto made = build(built);
  const Letters data(built.identical);
  Prober prober(*made, data, ProbeConfig{}, 0);
  return find_mechanism(*made, prober);
}

const Finding& finding(const Mechanism& m, const std::string& id) {
  for (const Finding& f : m.findings)
    if (f.id == id) return f;
  FAIL("no finding is called ", id);
  std::abort();
}
double number(const Finding& f, const std::string& name) {
  for (const auto& [key, value] : f.numbers)
    if (key == name) return value;
  FAIL("no number is called ", name);
  std::abort();
}

// Sums of 16 weights in another order.
constexpr double kRounding = 1e-5;

}  // namespace

TEST_CASE("bidirectional, no encoding: the token's features select, and nothing else can") {
  const Mechanism m = mechanism_of({.by_token = kPull});
  CHECK(m.selected_by == SelectedBy::feature_distribution);
  CHECK(m.waiver == 0);
  CHECK(m.status == Verdict::waiver);
  CHECK(m.follows.encoding == 0);
  CHECK(std::abs(m.follows.content - 1) < kRounding);
  CHECK(std::abs(m.follows.both - 1) < kRounding);
  const double share = std::exp(kPull) / (std::exp(kPull) + T - 1);
  CHECK(std::abs(m.received - share) < kRounding);
  CHECK(std::abs(m.enrichment - T * share) < T * kRounding);
  CHECK(std::abs(m.value_ratio - 0.1) < kRounding);
  CHECK(finding(m, "W1").outcome == Outcome::supported);
  CHECK(finding(m, "W4").outcome == Outcome::does_not_apply);
  CHECK(number(finding(m, "W4"), "natural") == 1);
  CHECK(number(finding(m, "W4"), "replaced") == 0);
  CHECK(finding(m, "W5").outcome == Outcome::supported);
  CHECK(finding(m, "W6").outcome == Outcome::does_not_apply);
  CHECK(finding(m, "W9").outcome == Outcome::does_not_apply);
  // The patched key takes its half of what was one key's.
  CHECK(finding(m, "W10").outcome == Outcome::supported);
  const double half = std::exp(kPull) / (2 * std::exp(kPull) + T - 2);
  CHECK(std::abs(number(finding(m, "W10"), "share") - half / share) < kRounding);
}

TEST_CASE("where no key receives anything, nothing is selected") {
  const Mechanism m = mechanism_of({.normalizer = "relu"});  // every score is 0
  CHECK(m.received == 0);
  CHECK(m.status == Verdict::neither);
  CHECK(m.selected_by == SelectedBy::nothing);
}

TEST_CASE("an encoding of one position that carries a large key selects, whatever the mask") {
  for (const char* mask : {"bidirectional", "causal"}) {
    const Mechanism m = mechanism_of({.position = "learned", .mask = mask, .by_position = kPull});
    INFO(mask);
    CHECK(m.selected_by == SelectedBy::position_encoding);
    CHECK(m.waiver == 0);
    CHECK(m.status == Verdict::waiver);
    CHECK(m.follows.content == 0);
    // A causal query sees fewer keys, so that both places receive a little more than in the other.
    CHECK(std::abs(m.follows.encoding - 1) < (std::string(mask) == "causal" ? 0.05 : kRounding));
    CHECK(finding(m, "W9").outcome == Outcome::supported);
    CHECK(number(finding(m, "W9"), "spearman") == 1);
    CHECK(number(finding(m, "W9"), "E_without") == doctest::Approx(1).epsilon(kRounding));
    if (std::string(mask) == "causal") {
      CHECK(finding(m, "W4").outcome == Outcome::supported);
      CHECK(finding(m, "W6").outcome == Outcome::position_selected);
    } else {
      CHECK(finding(m, "W5").outcome == Outcome::supported);
    }
  }
}

// Contents are the same, so that after the first block nothing but effective encodings is left.
TEST_CASE("effective encodings carry all that positions add where tokens are all the same") {
  ModelConfig config;
  reference::Settings(config, {{{"position", "learned"}, {"attention.mask", "bidirectional"}},
                               {{"layers", 2},
                                {"heads", 2},
                                {"width", C},
                                {"context", T},
                                {"mlp.width", 24},
                                {"sink_tokens", 1}}});
  Transformer model(config, V, 3);
  for (Parameter& p : model.parameters().all())
    if (p.name == "blocks.0.attn.out.weight")  // attention would mix positions
      std::fill_n(p.variable.value.data, p.shape.size(), 0.0f);
  const Letters data(true);
  Prober prober(model, data, ProbeConfig{}, 0);
  const auto second_layer = [&](const char* point) {
    Edits edits({make_edit({point}, "swap", {"3", "9"})}, config, T);
    prober.measure(false, &edits);
    const std::vector<float> all = prober.value("received_attention");
    return std::vector<float>(all.begin() + 2 * T, all.end());
  };
  const auto raw = second_layer("positions"), effective = second_layer("blocks.0.effective");
  prober.measure();
  const std::vector<float> all = prober.value("received_attention");
  const std::vector<float> natural(all.begin() + 2 * T, all.end());
  double worst = 0, moved = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    worst = std::max(worst, std::abs(double{raw[i]} - effective[i]));
    moved = std::max(moved, std::abs(double{raw[i]} - natural[i]));
  }
  CHECK(worst < kRounding);
  CHECK(moved > 100 * kRounding);
}

TEST_CASE("the dose of the effective encoding is that of what the positions add") {
  const Mechanism m = mechanism_of({.position = "learned", .by_position = kPull, .block = 1});
  REQUIRE(m.heads.size() == 1);
  CHECK(m.heads[0].layer == 1);
  CHECK(std::abs(m.follows.effective - 1) < kRounding);
  CHECK(number(finding(m, "W9"), "effective_spearman") == 1);
  // Without it the mean over the positions is left of the encoding, 1/T of it.
  const auto enrichment = [](double pull) { return T * std::exp(pull) / (std::exp(pull) + T - 1); };
  CHECK(number(finding(m, "W9"), "effective_E_without") ==
        doctest::Approx(enrichment(kPull / T)).epsilon(kRounding));
  CHECK(number(finding(m, "W9"), "effective_E_twice") ==
        doctest::Approx(enrichment(kPull * (2 - 1.0 / T))).epsilon(kRounding));
}

TEST_CASE("moving the waiver, and taking its effective encoding away, cost what these edits cost") {
  ModelConfig config;
  reference::Settings(
      config, {{{"position", "learned"}},
               {{"layers", 2}, {"heads", 2}, {"width", C}, {"context", T}, {"mlp.width", 24}}});
  const Transformer model(config, V, 3);
  const Letters data(false);
  Prober prober(model, data, ProbeConfig{}, 0);
  const Mechanism m = find_mechanism(model, prober);
  const std::string waiver = std::to_string(m.waiver);
  const auto loss_of = [&](const EditConfig& edit) {
    Edits edits({edit}, config, T);
    prober.measure(false, &edits);
    return double{prober.value("loss")[0]};
  };
  std::vector<double> moved;
  for (const int64_t other : m.others)
    moved.push_back(
        loss_of(make_edit({"blocks.0.effective"}, "swap", {waiver, std::to_string(other)})) -
        m.loss);
  CHECK(m.follows.moved == median(moved));
  CHECK(m.follows.moved != 0);
  CHECK(number(finding(m, "W9"), "effective_loss_without") ==
        loss_of(make_edit({"blocks.0.effective"}, "scale", {waiver}, {{"by", 0.0}})) - m.loss);
  CHECK(std::isnan(mechanism_of({.position = "rope"}).follows.moved));
}

TEST_CASE("heads of the first block do not see effective encodings") {
  const Mechanism m = mechanism_of({.position = "learned", .by_position = kPull});
  CHECK(m.heads.front().layer == 0);
  CHECK(std::isnan(m.follows.effective));
  for (const auto& [name, value] : finding(m, "W9").numbers)
    CHECK_FALSE(name.starts_with("effective"));
}

TEST_CASE("effective encodings are means over contents, whose own mean is zero") {
  const auto made = build({.position = "learned", .by_token = kPull, .by_position = kPull});
  const Letters data(false);
  Prober prober(*made, data, ProbeConfig{}, 0);
  const auto effective = effective_encodings(*made, prober.sequences(), prober.lengths());
  // No norm, no MLP: what is added is the encoding, of position 0 alone.
  const float mine[] = {0, kPull, -0.9f};
  for (int64_t p = 0; p < T; ++p)
    for (int64_t c = 0; c < C; ++c) {
      const double whole = c < 3 ? mine[c] : 0, share = p == 0 ? 1 - 1.0 / T : -1.0 / T;
      CHECK(std::abs(effective[p * C + c] - share * whole) < kRounding);
    }
  CHECK(!has_effective_encoding(build({.position = "rope"})->config()));
}

TEST_CASE("a token's own features select in a causal model too") {
  for (const char* position : {"none", "learned"}) {
    const Mechanism m = mechanism_of({.position = position, .mask = "causal", .by_token = kPull});
    INFO(position);
    CHECK(m.selected_by == SelectedBy::feature_distribution);
    CHECK(finding(m, "W4").outcome == Outcome::refuted);
    if (std::string(position) == "learned")
      CHECK(finding(m, "W6").outcome == Outcome::mask_selected);
  }
}

TEST_CASE("causal, no encoding, identical tokens: the mask selects the first") {
  const Mechanism m = mechanism_of({.mask = "causal", .identical = true});
  CHECK(m.selected_by == SelectedBy::mask);
  CHECK(m.waiver == 0);
  CHECK(m.status == Verdict::neither);  // every weight is uniform: E = 1
  CHECK(m.follows.encoding == 0);
  CHECK(m.follows.content == 0);
  CHECK(m.follows.both == 0);
  CHECK(std::abs(m.enrichment - 1) < kRounding);
  double harmonic = 0;
  for (int64_t i = 1; i < T; ++i) harmonic += 1.0 / static_cast<double>(i + 1);
  CHECK(std::abs(m.received - harmonic / (T - 1)) < kRounding);
  for (const Finding& f : m.findings)
    CHECK((f.outcome == Outcome::does_not_apply ||
           (f.outcome == Outcome::undecided && f.note == "no sink")));
}

TEST_CASE("without the sum-to-one constraint, no sink and an ordinary value support W3") {
  const Mechanism plain = mechanism_of({.mask = "causal"});
  CHECK(finding(plain, "W3").outcome == Outcome::does_not_apply);
  const Mechanism sigmoid = mechanism_of({.mask = "causal", .normalizer = "sigmoid"});
  CHECK(sigmoid.status == Verdict::neither);
  CHECK(finding(sigmoid, "W3").outcome == Outcome::supported);
  CHECK(number(finding(sigmoid, "W3"), "sink_rate") == 0);
  CHECK(std::abs(number(finding(sigmoid, "W3"), "r_V") - 1) < kRounding);
  // A value that is small without any need refutes it.
  const Mechanism small = mechanism_of(
      {.position = "learned", .mask = "causal", .by_position = 1e-3f, .normalizer = "sigmoid"});
  CHECK(finding(small, "W3").outcome == Outcome::refuted);
}

TEST_CASE("where queries have one key in common there is nothing to compare it with") {
  CHECK(contains(error_of([] { mechanism_of({.mask = "causal", .window = 2, .prefix = 1}); }),
                 "queries have at most one key in common"));
}

TEST_CASE("two cues of equal weight are mixed, and without any nothing is selected") {
  const Mechanism both =
      mechanism_of({.position = "learned", .by_token = kPull / 2, .by_position = kPull / 2});
  CHECK(both.selected_by == SelectedBy::mixed);
  CHECK(std::abs(both.follows.both - 1) < kRounding);
  CHECK(mechanism_of({.identical = true}).selected_by == SelectedBy::nothing);
}

TEST_CASE("a value that is not small makes it a sink only, and zeroing it costs something") {
  const auto made = build({.by_token = kPull});
  const Transformer& model = *made;
  const Letters data(false);
  for (const Parameter& p : model.parameters().all())
    if (p.name == "embed.token.weight") p.variable.value.row(V - 1)[2] = 1;
  Prober prober(model, data, ProbeConfig{}, 0);
  const Mechanism m = find_mechanism(model, prober);
  CHECK(m.status == Verdict::sink_only);
  CHECK(finding(m, "W1").outcome == Outcome::refuted);
  // All values are equal: without the key the others stand in for it, without its value nothing
  // does.
  CHECK(std::abs(number(finding(m, "W2"), "hide")) < kRounding);
  CHECK(std::abs(number(finding(m, "W2"), "zero")) > 0.1);
  CHECK(finding(m, "W2").outcome == Outcome::undecided);
}

TEST_CASE(
    "a self-only row changes nothing where content alone selects, and tests leave the model") {
  const auto made = build({.mask = "causal", .by_token = kPull});
  const Transformer& model = *made;
  const Letters data(false);
  Prober prober(model, data, ProbeConfig{}, 0);
  prober.measure();
  const std::vector<float> before = prober.value("received_attention");
  const auto values = model.parameters().values();
  const std::vector<float> weights(values.begin(), values.end());
  const Mechanism m = find_mechanism(model, prober);
  CHECK(std::abs(number(finding(m, "W7"), "rise") - 1) < kRounding);
  CHECK(finding(m, "W7").outcome == Outcome::refuted);
  CHECK(std::equal(weights.begin(), weights.end(), values.begin()));
  prober.measure();
  CHECK(same_numbers(prober.value("received_attention"), before));
}

// Rows whose rest goes to a slot and a sink token count for as much less.
TEST_CASE("the first choice goes by shares of whole rows where weights are none") {
  constexpr int64_t tokens = 12, R = 1, S = R + tokens;
  ModelConfig config;
  config.layers = 1;
  config.heads = 2;
  config.width = 16;
  config.context = tokens;
  config.sink_tokens = R;
  config.mlp.width = 8;
  config.attention.normalizer.set("relu");
  config.attention.slot.set("key_value");
  Transformer model(config, V, 3);
  for (Parameter& p : model.parameters().all())
    if (p.name.ends_with("slot.key"))
      for (int64_t i = 0; i < p.shape.size(); ++i) p.variable.value.data[i] *= 200;
  const Letters data(false);
  ProbeConfig probe;
  probe.batch = 8;
  Prober prober(model, data, probe, 0);
  Passes passes(model, prober);
  const Pass natural = passes.natural();
  const std::vector<int64_t> candidates = {1, 2, 3, 4, 5};
  KeepAll kept;
  Arena arena;
  Tape tape(arena, false);
  model.forward(tape, {prober.sequences(), 8, tokens}, &kept);
  const auto share = [&](int64_t k, bool whole) {
    double chosen = 0;
    for (int64_t map = 0; map < 8 * 2; ++map) {
      std::vector<double> E;
      for (const int64_t j : candidates) {
        double sum = 0, uniform = 0;
        for (int64_t i = j + 1; i < tokens; ++i) {
          const int64_t query = map * S + R + i;
          const float* row = &kept.at(0, Point::attn_pattern)[query * S];
          double total = 1e-8 + (whole ? kept.at(0, Point::attn_slot)[query] : 0.0f);
          for (int64_t n = whole ? 0 : R; n < S; ++n) total += row[n];
          sum += row[R + j] / total;
          uniform += 1.0 / (i + 1);
        }
        E.push_back(sum / uniform);
      }
      chosen += std::ranges::count_if(E, [&](double x) { return x >= E[k - 1]; }) == 1;
    }
    return chosen / 16;
  };
  bool differs = false;
  for (const int64_t k : candidates) {
    const Key key = Key::position(k, 8);
    CHECK(passes.first_choice(natural, 0, passes.all_heads(), candidates, key) == share(k, true));
    differs |= share(k, true) != share(k, false);
  }
  CHECK(differs);
}

}  // namespace waiver
