#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/fields/set_fields.h"
#include "core/random.h"
#include "distance.h"
#include "model/transformer.h"
#include "reference/encoding.h"
#include "reference/model.h"
#include "reference/settings.h"

// What must hold exactly, or up to rounding, whatever the weights are.

namespace waiver {
namespace {

using reference::Edits;

constexpr int64_t kTokens = 9, kVocabulary = 11;

struct Model {
  ModelConfig config;
  reference::Settings settings;
  Transformer transformer;

  explicit Model(Edits edits)
      : settings(config, sized(std::move(edits))), transformer(config, kVocabulary, 1) {}
  static Edits sized(Edits edits) {
    for (const auto& [key, number] : std::map<std::string, double>{
             {"layers", 2}, {"heads", 2}, {"width", 16}, {"context", 40}, {"mlp.width", 24}})
      edits.numbers.emplace(key, number);
    return edits;
  }
  std::vector<float> logits(const std::vector<int32_t>& tokens,
                            std::vector<int32_t> positions = {}) const {
    if (positions.empty()) {
      positions.resize(tokens.size());
      std::iota(positions.begin(), positions.end(), 0);
    }
    Arena arena;
    Tape tape(arena, false);
    const Tensor t = transformer.forward(tape, {tokens, 1, std::ssize(tokens), positions}).value;
    return {t.data, t.data + t.size()};
  }
  Parameter& parameter(const std::string& name) {
    for (Parameter& p : transformer.parameters().all())
      if (p.name == name) return p;
    FAIL("no parameter matches ", name);
    std::abort();
  }
};

const std::vector<int32_t> kText = {3, 1, 4, 1, 5, 9, 2, 6, 5};

// Rounding of fp32 through two blocks; different orders of the same sums stay below this.
constexpr double kRounding = 5e-6;

struct Patterns : Capture {
  bool wants(int64_t, Point point) const override { return point == Point::attn_pattern; }
  void take(int64_t, Point, const Tensor& t) override {
    kept.emplace_back(t.data, t.data + t.size());
  }
  std::vector<std::vector<float>> kept;
};

}  // namespace

TEST_CASE("without an encoding, repeated tokens share attention evenly") {
  const Model model({{{"position", "none"}}, {}});
  const std::vector<int32_t> tokens(kTokens, 7);
  Arena arena;
  Tape tape(arena, false);
  Patterns patterns;
  model.transformer.forward(tape, {tokens, 1, kTokens}, &patterns);
  REQUIRE(patterns.kept.size() == 2);
  for (const std::vector<float>& A : patterns.kept)
    for (int64_t h = 0; h < 2; ++h)
      for (int64_t t = 0; t < kTokens; ++t)
        for (int64_t i = 0; i <= t; ++i)
          CHECK(std::abs(A[(h * kTokens + t) * kTokens + i] * (t + 1) - 1.0) < 1e-6);
}

TEST_CASE("strong positions are the same numbers, larger") {
  const auto table = [](double strong) {
    ModelConfig config;
    config.context = 8;
    config.width = 16;
    SetFields fields({{"std", 0.02}, {"strong.at", "2,7"}, {"strong.std", strong}});
    config.position.set("learned");
    config.position.of_layer(0)->options(fields);
    const Transformer model(config, kVocabulary, 1);
    for (const Parameter& p : model.parameters().all())
      if (p.name == "embed.position.weight")
        return std::vector<float>(p.variable.value.data, p.variable.value.data + 8 * 16);
    FAIL("no such parameter");
    std::abort();
  };
  const std::vector<float> plain = table(0.02), strong = table(1.28);
  for (int64_t i = 0; i < 8 * 16; ++i)
    CHECK(strong[i] == doctest::Approx(plain[i] * (i / 16 == 2 || i / 16 == 7 ? 64 : 1)));
}

TEST_CASE("encodings of differences do not see a uniform shift, absolute ones do") {
  std::vector<int32_t> moved(kTokens);
  std::iota(moved.begin(), moved.end(), 29);
  for (const auto& entry : registry<PositionEncoding>()) {
    const std::string name(entry.name);
    INFO(name);
    Model model({{{"position", name}}, {}});
    // What begins as zeros would add nothing that could be seen.
    for (Parameter& p : model.transformer.parameters().all())
      for (int64_t i = 0; matches("embed.position.*", p.name) && i < p.shape.size(); ++i)
        if (p.init.scale == 0)
          p.variable.value.data[i] = static_cast<float>(Random(3, "bias").normal(i));
    const bool absolute = Kind<PositionEncoding>(name)->acts() == Acts::on_embeddings;
    CHECK((distance(model.logits(kText, moved), model.logits(kText)) < kRounding) != absolute);
  }
  // FIRE's distances are relative to the query's position once that is beyond its threshold.
  const Model fire({{{"position", "fire"}}, {{"position.threshold", 2}}});
  CHECK(distance(fire.logits(kText, moved), fire.logits(kText)) > kRounding);
}

TEST_CASE("a bidirectional model without an encoding is permutation-equivariant") {
  const Model model({{{"position", "none"}, {"attention.mask", "bidirectional"}}, {}});
  const std::vector<int32_t> order = {8, 2, 0, 5, 1, 7, 3, 6, 4};
  std::vector<int32_t> shuffled;
  for (int32_t from : order) shuffled.push_back(kText[from]);
  const std::vector<float> plain = model.logits(kText);
  std::vector<float> expected;
  for (int32_t from : order)
    expected.insert(expected.end(), plain.begin() + from * kVocabulary,
                    plain.begin() + (from + 1) * kVocabulary);
  CHECK(distance(model.logits(shuffled), expected) < kRounding);
}

TEST_CASE("softmax1 is a sink logit of 0, and a slot whose key and value are 0") {
  const Model softmax1({{{"attention.normalizer", "softmax1"}}, {}});
  const Model sink({{{"attention.normalizer", "sink_logit"}}, {}});
  CHECK(softmax1.logits(kText) == sink.logits(kText));
  Model slot({{{"attention.slot", "key"}}, {}});
  CHECK(distance(slot.logits(kText), softmax1.logits(kText)) > 1e-4);
  for (const char* block : {"blocks.0", "blocks.1"}) {
    Parameter& key = slot.parameter(std::string(block) + ".attn.slot.key");
    std::fill_n(key.variable.value.data, key.shape.size(), 0.0f);
  }
  CHECK(distance(slot.logits(kText), softmax1.logits(kText)) < kRounding);
}

TEST_CASE("a window of T or more is causal, a prefix of T is bidirectional") {
  const Model causal({});
  const Model both({{{"attention.mask", "bidirectional"}}, {}});
  const auto masked = [](const char* option, int size) {
    return Model({{}, {{std::string("attention.mask.") + option, size}}}).logits(kText);
  };
  CHECK(masked("window", kTokens) == causal.logits(kText));
  CHECK(masked("window", kTokens + 5) == causal.logits(kText));
  CHECK(masked("window", kTokens - 1) != causal.logits(kText));
  CHECK(masked("prefix", kTokens) == both.logits(kText));
  CHECK(masked("prefix", kTokens - 1) != both.logits(kText));
}

TEST_CASE("the separator beats the prefix: no query sees that of another document") {
  // kText ends documents at 1, at positions 1 and 3; the prefix reaches into the second.
  const Model model({{}, {{"attention.mask.prefix", 3}, {"attention.mask.separator", 1}}});
  Arena arena;
  Tape tape(arena, false);
  Patterns patterns;
  model.transformer.forward(tape, {kText, 1, kTokens}, &patterns);
  const auto A = [&](int64_t i, int64_t k) { return patterns.kept[0][i * kTokens + k]; };
  CHECK(A(0, 1) > 0);   // within the prefix and the first document
  CHECK(A(0, 2) == 0);  // within the prefix, but of the second
  CHECK(A(3, 2) > 0);
  for (int64_t i = 4; i < kTokens; ++i)
    for (int64_t k = 0; k < 4; ++k) CHECK(A(i, k) == 0);
}

TEST_CASE("a window of any size is clear of overflow") {
  for (const char* kind : {"causal", "bidirectional"})
    for (const int64_t window : {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2}) {
      Kind<Mask> mask(kind), open(kind);
      SetFields fields(SetFields::Values{{"window", std::to_string(window)},
                                         {"separator", "9223372036854775807"}});
      mask->options(fields);
      for (int64_t i = 0; i < 5; ++i)
        for (int64_t k = 0; k < 5; ++k)
          CHECK(mask->visible_tokens(i, 5).contains(k) == open->visible_tokens(i, 5).contains(k));
    }
}

// Sink tokens have constant keys and values: nothing of the sequence reaches them.
TEST_CASE("what a sink token is does not depend on the sequence, whatever the mask") {
  for (const char* mask : {"causal", "bidirectional"}) {
    const Model model({{{"attention.mask", mask}}, {{"sink_tokens", 2}}});
    std::vector<int32_t> other = kText;
    std::reverse(other.begin(), other.end());
    struct Streams : Capture {
      bool wants(int64_t, Point point) const override { return point == Point::resid; }
      void take(int64_t, Point, const Tensor& t) override {
        CHECK(t.dim(0) == kTokens + 2);
        kept.insert(kept.end(), t.data, t.data + 2 * t.dim(1));
      }
      std::vector<float> kept;
    } here, there;
    for (auto& [text, streams] : {std::pair{&kText, &here}, {&other, &there}}) {
      Arena arena;
      Tape tape(arena, false);
      model.transformer.forward(tape, {*text, 1, kTokens}, streams);
    }
    CHECK(here.kept == there.kept);
  }
}

TEST_CASE("every query sees the sink tokens, whatever the mask hides, and they see each other") {
  const Model model({{},
                     {{"sink_tokens", 2},
                      {"attention.mask.window", 2},
                      {"attention.mask.prefix", 3},
                      {"attention.mask.separator", 1},
                      {"attention.mask.self_only.0", 7}}});
  Arena arena;
  Tape tape(arena, false);
  Patterns patterns;
  model.transformer.forward(tape, {kText, 1, kTokens}, &patterns);
  constexpr int64_t S = kTokens + 2;
  const Mask& mask = model.transformer.mask(0);
  for (const std::vector<float>& A : patterns.kept)
    for (int64_t h = 0; h < 2; ++h)
      for (int64_t i = 0; i < S; ++i) {
        const float* row = &A[(h * S + i) * S];
        CHECK((row[0] > 0 && row[1] > 0));
        for (int64_t j = 2; j < S; ++j) {
          if (i < 2) CHECK(row[j] == 0);
          // Documents of kText end at 1 and 3.
          const auto document = [](int64_t t) { return t < 2 ? 0 : t < 4 ? 1 : 2; };
          const bool seen = i >= 2 && mask.visible_tokens(i - 2, kTokens).contains(j - 2) &&
                            document(i - 2) == document(j - 2);
          CHECK((row[j] > 0) == seen);
        }
      }
}

TEST_CASE("tokens keep their positions after sink tokens") {
  std::vector<int32_t> moved(kTokens);
  std::iota(moved.begin(), moved.end(), 29);
  for (const char* name : {"rope", "alibi"}) {
    const Model model({{{"position", name}}, {{"sink_tokens", 1}}});
    // The last position of the context is a token's; the sink token stays where it is, so that a
    // shift of the tokens is seen.
    CHECK(distance(model.logits(kText, moved), model.logits(kText)) > kRounding);
  }
  std::vector<int32_t> last(kTokens);
  std::iota(last.begin(), last.end(), 40 - kTokens);
  for (const auto& entry : registry<PositionEncoding>()) {
    const Model model({{{"position", std::string(entry.name)}}, {{"sink_tokens", 3}}});
    for (const float x : model.logits(kText, last)) CHECK(std::isfinite(x));
  }
}

TEST_CASE("a self-only row sees only itself, and later queries still see it") {
  const Model model({{}, {{"attention.mask.self_only.0", 4}}});
  Arena arena;
  Tape tape(arena, false);
  Patterns patterns;
  model.transformer.forward(tape, {kText, 1, kTokens}, &patterns);
  for (const std::vector<float>& A : patterns.kept)
    for (int64_t h = 0; h < 2; ++h) {
      const float* map = &A[h * kTokens * kTokens];
      for (int64_t j = 0; j < kTokens; ++j) CHECK(map[4 * kTokens + j] == (j == 4 ? 1.0f : 0.0f));
      for (int64_t t = 5; t < kTokens; ++t) CHECK(map[t * kTokens + 4] > 0);
    }
}

TEST_CASE("a mask sees the future where it shows what is to be predicted") {
  const auto sees = [](Edits edits) { return Model(edits).config.attention.mask->sees_future(); };
  CHECK_FALSE(sees({}));
  CHECK_FALSE(sees({{}, {{"attention.mask.prefix", 5}}}));
  CHECK(sees({{{"attention.mask", "bidirectional"}}, {{"attention.mask.self_only.0", 0}}}));
  CHECK(sees({{{"attention.mask", "bidirectional"}}, {{"attention.mask.window", 2}}}));
  CHECK_FALSE(sees({{{"attention.mask", "bidirectional"}}, {{"attention.mask.window", 1}}}));
}

TEST_CASE("alibi's slopes for 8 and for 12 heads are those of its paper") {
  std::vector<double> eight, twelve;
  for (int h = 1; h <= 8; ++h) eight.push_back(std::pow(2.0, -h));
  twelve = eight;
  for (int h = 1; h <= 7; h += 2) twelve.push_back(std::pow(2.0, -0.5 * h));
  for (const std::vector<double>& slopes : {eight, twelve}) {
    CHECK(reference::alibi_slopes(std::ssize(slopes)) == slopes);
    Kind<PositionEncoding> alibi("alibi");
    ParameterSet none;
    alibi->build(none, {40, 96, std::ssize(slopes)});
    for (int64_t h = 0; h < std::ssize(slopes); ++h) {
      const std::array<int32_t, 3> keys = {5, 4, 9};
      std::array<float, 3> row = {0, 0, 0};
      alibi->bias()->add(h, 5, keys.data(), row.data(), 3);
      CHECK(row[0] == 0);
      CHECK(row[1] == -static_cast<float>(slopes[h]));
      CHECK(row[2] == -4 * static_cast<float>(slopes[h]));
    }
  }
}

}  // namespace waiver
