#include "probe/edits/eviction.h"
#include "core/error.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/threads.h"
#include "datasets.h"
#include "distance.h"
#include "inspect/cache_losses.h"
#include "model/attention/normalizer.h"
#include "reference/decoder.h"
#include "train/trainer.h"

// Eviction in one pass against a decoder that reads token by token and has a cache.

namespace waiver {
namespace {

using namespace decoder;

// Rounding of fp32 through two blocks with scores of several units.
constexpr double kRounding = 5e-6;
// What a wrong key or position changes, at least.
constexpr double kVisible = 1e-3;

bool on_embeddings(const Model& model) {
  return model.config.position.of_layer(0)->acts() == Acts::on_embeddings;
}

// Windows and what is kept beside them; position 9 is kept long after positions below are gone.
std::vector<Cache> caches(bool reindex) {
  return {{5, 0, {}, reindex},  {1, 1, {}, reindex},     {4, 2, {}, reindex},
          {3, 0, {0}, reindex}, {4, 0, {9, 2}, reindex}, {2, 1, {3, 4, 8}, reindex}};
}

TEST_CASE("one pass with eviction is a decoder with a cache, for every encoding") {
  for (const auto& entry : registry<PositionEncoding>()) {
    INFO(entry.name);
    const Model model{std::string(entry.name)};
    CHECK(distance(model.logits(), decode(model, {kTokens})) < kRounding);
    for (const bool reindex : {false, true})
      for (const Cache& cache : caches(reindex)) {
        if (reindex && on_embeddings(model)) continue;
        INFO("window ", cache.window, ", first ", cache.keep_first, ", reindex ", reindex);
        const std::vector<float> evicted = model.evicted(cache);
        CHECK(distance(evicted, decode(model, cache)) < kRounding);
        CHECK(distance(evicted, model.logits()) > kVisible);
      }
  }
}

TEST_CASE("a bias that depends on the query's own position moves with it") {
  const Model model("fire", {{}, {{"position.threshold", 2}}});
  for (const Cache& cache : caches(true)) {
    INFO("window ", cache.window, ", first ", cache.keep_first);
    CHECK(distance(model.evicted(cache), decode(model, cache)) < kRounding);
  }
}

TEST_CASE("a window beyond all numbers evicts nothing, and a key within it cannot be kept") {
  const Model model{"rope"};
  CHECK(model.evicted({INT64_MAX, 0, {}, false}) == model.logits());
  CHECK(model.evicted({INT64_MAX, 3, {}, true}) == model.logits());
  CHECK_THROWS_AS(Eviction(model.transformer, {INT64_MAX, 0, {5}, false}), UsageError);
}

TEST_CASE(
    "positions within the cache matter to encodings in attention, once a kept key is nearer") {
  for (const auto& entry : registry<PositionEncoding>()) {
    INFO(entry.name);
    const Model model{std::string(entry.name)};
    if (on_embeddings(model)) continue;
    const bool inside = model.config.position.of_layer(0)->acts() == Acts::in_attention;
    // The window alone moves nothing: its keys are as far as ever.
    CHECK(model.evicted({4, 0, {}, true}) == model.evicted({4, 0, {}, false}));
    const auto moved = model.evicted({4, 0, {2}, true}), stayed = model.evicted({4, 0, {2}, false});
    CHECK((moved == stayed) == !inside);
    if (inside) CHECK(distance(moved, stayed) > kVisible);
  }
}

TEST_CASE("a cache that holds everything changes no bit") {
  for (const auto& entry : registry<PositionEncoding>()) {
    INFO(entry.name);
    const Model model{std::string(entry.name)};
    const std::vector<float> plain = model.logits();
    for (const bool reindex : {false, true}) {
      if (reindex && on_embeddings(model)) continue;
      CHECK(model.evicted({kTokens, 0, {}, reindex}) == plain);
      CHECK(model.evicted({kTokens + 7, 0, {}, reindex}) == plain);
      CHECK(model.evicted({3, kTokens, {}, reindex}) == plain);
      CHECK(model.evicted({kTokens - 1, 0, {}, reindex}) != plain);
    }
  }
}

TEST_CASE(
    "keeping the first token is a window mask with a prefix of one, for whatever weighs keys") {
  const Cache cache = {4, 1};
  const auto check = [&](const std::string& key, std::string_view word) {
    INFO(key, " ", word);
    reference::Edits edits;
    edits.words[key] = word;
    const Model model("none", edits);
    edits.numbers = {{"attention.mask.window", 4}, {"attention.mask.prefix", 1}};
    const Model masked("none", edits);
    CHECK(distance(model.evicted(cache), masked.logits()) < kRounding);
  };
  for (const auto& entry : registry<Normalizer>()) check("attention.normalizer", entry.name);
  for (const auto& entry : registry<Slot>()) check("attention.slot", entry.name);
}

TEST_CASE("what a mask hides stays hidden, wherever it would end up") {
  for (const bool reindex : {false, true}) {
    const Model model("alibi", {{}, {{"attention.mask.window", 4}}});
    CHECK(model.evicted({4, 0, {0, 2}, reindex}) == model.logits());
    const Model alone("rope", {{}, {{"attention.mask.self_only.0", 7}}});
    const std::vector<float> a = alone.evicted({3, 1, {}, reindex}), b = alone.logits();
    const auto row = [](const std::vector<float>& x, int64_t t) {
      return std::vector<float>(&x[t * kVocabulary], &x[t * kVocabulary] + kVocabulary);
    };
    CHECK(row(a, 7) == row(b, 7));
    CHECK(row(a, 8) != row(b, 8));
  }
}

TEST_CASE("keys move in the layers whose encoding acts there") {
  const auto layers = [](const char* first, const char* second) {
    return Model("", {{{"position.0", first}, {"position.1", second}}, {}});
  };
  const Cache moved = {3, 1, {}, true}, stayed = {3, 1};
  CHECK(layers("rope", "rope").evicted(moved) == Model("rope").evicted(moved));
  CHECK(layers("none", "none").evicted(moved) == Model("none").evicted(stayed));
  const auto first = layers("alibi", "none").evicted(moved),
             second = layers("none", "alibi").evicted(moved);
  CHECK(first != layers("alibi", "none").evicted(stayed));
  CHECK(second != layers("none", "alibi").evicted(stayed));
}

TEST_CASE("eviction does not depend on the threads") {
  const int before = threads();
  const Model model("rope");
  set_threads(1);
  const std::vector<float> one = model.evicted({3, 1, {5}, true});
  for (const int n : {2, 3, 7}) {
    set_threads(n);
    CHECK(model.evicted({3, 1, {5}, true}) == one);
  }
  set_threads(before);
}

TEST_CASE("what cannot be evicted is refused by name") {
  const auto refusal = [](const Model& model, const Cache& cache) -> std::string {
    try {
      Eviction(model.transformer, cache);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  const auto refuses = [&](const Model& model, const Cache& cache, const std::string& start) {
    const std::string text = refusal(model, cache);
    CHECK_MESSAGE(text.starts_with(start), text);
  };
  const Model rope("rope");
  CHECK(refusal(rope, {4, 2, {3}, true}).empty());
  refuses(rope, {0}, "window: 0 tokens are too few.");
  refuses(rope, {4, -1}, "keep_first: -1 is not a number of tokens.");
  refuses(rope, {4, 0, {kTokens}}, "keep: position 14 is outside the text. Positions are 0 … 13.");
  refuses(rope, {4, 0, {-1}}, "keep: position -1 is outside the text.");
  refuses(rope, {4, 2, {1}}, "keep: position 1 is kept already. It is one of the first 2.");
  refuses(rope, {4, 0, {3, 5, 3}}, "keep: position 3 is named twice.");
  refuses(rope, {4, 0, {10}}, "keep: position 10 never leaves the window of 4 tokens.");
  CHECK(refusal(rope, {4, 0, {9}}).empty());
  for (const char* absolute : {"learned", "sinusoidal"}) {
    CHECK(refusal(Model(absolute), {4, 1}).empty());
    refuses(Model(absolute), {4, 1, {}, true},
            "reindex: " + std::string(absolute) + " adds positions to the embeddings");
  }
  CHECK(refusal(Model("none"), {4, 1, {}, true}).empty());
  const std::string mask = "model.attention.mask: queries see later tokens";
  refuses(Model("rope", {{{"attention.mask", "bidirectional"}}, {}}), {4}, mask);
  refuses(Model("rope", {{}, {{"attention.mask.prefix", 2}}}), {4}, mask);
}

TEST_CASE("losses under a cache are those of its logits, and the full one's the validation loss") {
  const auto data = open_data("bigram_backcopy", kTokens);
  ModelConfig config = Model("rope").config;
  const Transformer model(config, data->vocabulary(), 4);
  const Cache cache = {5, 0, {1}, true};
  const CacheLosses losses = measure_cache_losses(model, *data, cache, {6, 12, 4});

  Arena arena;
  CHECK(losses.full.all == validation_loss(model, *data, {6, 12, 4}, arena));
  Eviction eviction(model, cache);
  double all = 0, late = 0;
  for (int64_t i = 0; i < 3; ++i) {
    const Batch batch = [&] {
      Batch out;
      out.resize(4, kTokens);
      data->batch(6, Split::validation, 4 * i, out);
      return out;
    }();
    Input input{batch.inputs, 4, kTokens};
    input.intervention = &eviction;
    arena.reset();
    Tape tape(arena, false);
    const Tensor logits = model.forward(tape, input).value;
    for (int64_t n = 0; n < 4 * kTokens; ++n) {
      double sum = 0;
      for (int64_t v = 0; v < data->vocabulary(); ++v) sum += std::exp(1.0 * logits.row(n)[v]);
      const double loss = std::log(sum) - logits.row(n)[batch.targets[n]];
      all += loss / (3 * 4 * kTokens);
      if (n % kTokens >= 5) late += loss / (3 * 4 * (kTokens - 5));
    }
  }
  REQUIRE(losses.kept.size() == 1);
  // e^x is that of fast_exp, within 2.5e-7.
  CHECK(losses.kept[0].all == doctest::Approx(all).epsilon(2.5e-7));
  CHECK(losses.kept[0].evicted == doctest::Approx(late).epsilon(2.5e-7));
}

TEST_CASE("the control keeps as many other positions that would be evicted, the same each time") {
  const auto data = open_data("bigram_backcopy", kTokens);
  const Transformer model(Model("none").config, data->vocabulary(), 4);
  const auto measure = [&](const Cache& cache) {
    return measure_cache_losses(model, *data, cache, {6, 2, 2});
  };
  const CacheLosses losses = measure({5, 1, {4}}), again = measure({5, 1, {4}});
  CHECK(losses.kept[0].kept == std::vector<int64_t>{0, 4});
  REQUIRE(losses.random.size() == 5);
  for (size_t i = 0; i < 5; ++i) {
    const std::vector<int64_t>& kept = losses.random[i].kept;
    REQUIRE(kept.size() == 2);
    CHECK(kept[0] < kept[1]);
    CHECK(kept[1] + 5 < kTokens);
    for (const int64_t k : kept) CHECK((k != 0 && k != 4));
    CHECK(kept == again.random[i].kept);
    CHECK(losses.random[i].all == again.random[i].all);
  }
  CHECK(losses.random[0].kept != losses.random[1].kept);
  CHECK(measure({5, 0, {}}).kept.empty());
  CHECK(measure({5, 0, {}}).random.empty());
  // Of the nine positions that leave the window five are kept, and four cannot be a control.
  CHECK(measure({5, 5, {}}).random.empty());
  const CacheLosses whole = measure({kTokens, 2});
  CHECK(whole.window.all == whole.full.all);
  CHECK(std::isnan(whole.window.evicted));
  CHECK(std::isnan(whole.recovery(whole.kept[0])));
}

TEST_CASE("recovery is the share of the window's cost that is made good") {
  CacheLosses losses;
  losses.cache.window = 8;
  losses.tokens = 64;
  losses.full = {{}, 1.0, 1.5};
  losses.window = {{}, 2.0, 2.5};
  losses.kept = {{{0, 1, 2, 9}, 1.25, 1.75}};
  losses.random = {{{5}, 1.9, 2.4}, {{7}, 2.0, 2.5}};
  CHECK(losses.recovery(losses.full) == 1);
  CHECK(losses.recovery(losses.window) == 0);
  CHECK(losses.recovery(losses.kept[0]) == 0.75);
  const std::string text = to_text(losses);
  INFO(text);
  for (const char* part :
       {"queries 8 … 63", "window 8 and 0 … 2, 9", "+0.250000", "75.0 %",
        "window 8 and 5, at random", "10.0 %", "mean of those at random", "5.0 %"})
    CHECK(text.find(part) != std::string::npos);
  losses.window = losses.full;
  CHECK(std::isnan(losses.recovery(losses.kept[0])));
}

}  // namespace
}  // namespace waiver
