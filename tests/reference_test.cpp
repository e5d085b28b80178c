#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "reference/agreement.h"
#include "reference/encoding.h"
#include "reference/pairwise.h"

// The fast model against tests/reference, the same model as loops in double precision.

namespace waiver::reference {
namespace {

void check_small(const Edits& edits) {
  Pair pair(with(kSmall, edits), make_problem(11, 2, 7));
  check_values(pair, false);
  check_whole_gradient(pair);
}

// Switches of everything, such that every two of them meet.
const std::vector<Edits>& every_kind() {
  static const std::vector<Edits> cases = cover_pairs(kSmall).configs;
  return cases;
}

template <class F>
void for_every_kind(const F& f) {
  for (const Edits& edits : every_kind()) {
    INFO(text_of(edits));
    f(edits);
  }
}

std::vector<float> logits_of(const Transformer& model, const Problem& p) {
  Arena arena;
  Tape tape(arena, false);
  const Tensor t = model.forward(tape, input_of(p)).value;
  return {t.data, t.data + t.size()};
}

TEST_CASE("dual numbers and the complex step find the same derivatives") {
  for_every_kind([](const Edits& edits) {
    const Pair pair(with(kSmall, with(edits, {{{"attention.bias", "all"}}, {{"mlp.bias", 1}}})),
                    make_problem(11, 2, 5));
    const Weights<double> duals = gradient(pair.settings, pair.weights, pair.problem);
    double largest = 0;  // of all: a gradient of one number may be a sum that cancels
    for (const auto& [name, values] : duals)
      for (double g : values) largest = std::max(largest, std::abs(g));
    for (const auto& [name, values] : duals) {
      INFO("gradient of ", name);
      double scale = values.size() == 1 ? largest : 0;
      for (double g : values) scale = std::max(scale, std::abs(g));
      const size_t index = Random(11, name).below(0, static_cast<int64_t>(values.size()));
      const double step = complex_step(pair.settings, pair.weights, pair.problem, name, index);
      // 2^-53 of the largest: where all numbers of an array cancel.
      CHECK(std::abs(values[index] - step) <= 3e-14 * scale + 0x1p-53 * largest);
    }
  });
}

TEST_CASE("the reference reads every setting of a model but its initial weights") {
  for_every_kind([](const Edits& edits) {
    const Pair pair(with(kSmall, edits), make_problem(11, 1, 3));
    weight_shapes(pair.settings, 11);
    run(pair.settings, pair.weights, pair.problem);
    for (const std::string& key : pair.settings.unread())
      CHECK_MESSAGE(
          (key.starts_with("init") || key.ends_with(".std") || key == "attention.gate.open"), key);
  });
}

std::map<std::string, std::vector<int64_t>> shapes_of(const Transformer& model) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const Parameter& p : model.parameters().all())
    shapes[p.name].assign(p.shape.dims, p.shape.dims + p.shape.rank);
  return shapes;
}

TEST_CASE("a model has the weights that the reference knows, by name and shape") {
  for_every_kind([](const Edits& edits) {
    const Pair pair(with(kSmall, edits), make_problem(11, 1, 3));
    CHECK(shapes_of(pair.model) == weight_shapes(pair.settings, 11));
  });
  for (const auto& position : {"none", "learned", "rope"})
    for (int bits = 0; bits < 32; ++bits) {
      const Pair pair(
          with(kSmall, {{{"position", position}, {"attention.bias", bits & 1 ? "all" : "none"}},
                        {{"mlp.bias", bits >> 1 & 1},
                         {"norm.bias", bits >> 2 & 1},
                         {"output.bias", bits >> 3 & 1},
                         {"output.tied", bits >> 4}}}),
          make_problem(11, 1, 3));
      CHECK(shapes_of(pair.model) == weight_shapes(pair.settings, 11));
    }
}

TEST_CASE("every encoding with every mask, norm and MLP agrees with the reference") {
  ModelConfig config;
  const Settings known(config);
  for (const auto& position : known.choices("position"))
    for (const auto& mask : known.choices("attention.mask"))
      for (const auto& norm : known.choices("norm.kind"))
        for (const auto& mlp : known.choices("mlp.kind")) {
          INFO(position, " ", mask, " ", norm, " ", mlp);
          check_small({{{"position", position},
                        {"attention.mask", mask},
                        {"norm.kind", norm},
                        {"mlp.kind", mlp}},
                       {}});
        }
}

TEST_CASE("every pair of kinds agrees with the reference") {
  for_every_kind([](const Edits& edits) { check_small(edits); });
}

TEST_CASE("a model agrees where not every row has a target") {
  Problem p = make_problem(11, 2, 7);
  for (size_t n = 0; n < p.targets.size(); ++n)
    if (n % 5 != 1) p.targets[n] = -1;
  Pair pair(with(kSmall, {{{"attention.mask", "bidirectional"}}, {}}), p);
  check_values(pair, false);
  check_whole_gradient(pair);
}

TEST_CASE("every pair of kinds agrees when positions are swapped and repeated") {
  for_every_kind([](const Edits& edits) {
    Problem p = make_problem(11, 2, 7);
    p.positions = {4, 1, 8, 3, 0, 3, 6};
    Pair pair(with(kSmall, edits), p);
    check_values(pair, true);
    check_whole_gradient(pair);
  });
}

TEST_CASE("biases and tied outputs agree with the reference, alone and together") {
  for (const auto& mlp : {"relu", "gelu", "swiglu"})
    for (int bits = 0; bits < 32; ++bits) {
      INFO(mlp, ", biases and tying: ", bits);
      check_small({{{"mlp.kind", mlp}, {"attention.bias", bits & 1 ? "all" : "none"}},
                   {{"layers", 1},
                    {"mlp.bias", bits >> 1 & 1},
                    {"norm.bias", bits >> 2 & 1},
                    {"output.bias", bits >> 3 & 1},
                    {"output.tied", bits >> 4}}});
    }
}

TEST_CASE("any number of heads agrees with the reference") {
  ModelConfig config;
  const Settings known(config);
  for (const auto& position : known.choices("position"))
    for (int heads : {1, 2, 3, 6}) {
      INFO(position, " with ", heads, " heads");
      check_small({{{"position", position}}, {{"heads", heads}, {"width", 12}, {"layers", 1}}});
    }
  for (const auto& gate : known.choices("attention.gate"))
    for (int heads : {1, 4, 12}) {
      INFO(gate, " gate with ", heads, " heads");
      check_small({{{"attention.gate", gate}, {"position", "none"}},
                   {{"heads", heads}, {"width", 12}, {"layers", 1}}});
    }
}

TEST_CASE("heads that share keys and values, and have a width of their own, agree") {
  ModelConfig config;
  const Settings known(config);
  for (const auto& [heads, shared] : {std::pair{4, 1}, {4, 2}, {6, 3}, {6, 2}})
    for (const char* position : {"rope", "alibi", "none"})
      for (const int head_width : {0, 2, 6}) {
        INFO(heads, " heads over ", shared, " of width ", head_width, ", ", position);
        check_small({{{"position", position}, {"attention.bias", "qkv"}},
                     {{"heads", heads},
                      {"kv_heads", shared},
                      {"head_width", head_width},
                      {"width", 12},
                      {"layers", 1}}});
      }
  for (const char* switched : {"attention.gate", "attention.slot", "attention.qk_norm"})
    for (const auto& kind : known.choices(switched)) {
      INFO(switched, ": ", kind);
      check_small({{{switched, kind}, {"attention.bias", "all"}},
                   {{"heads", 4}, {"kv_heads", 2}, {"head_width", 3}, {"layers", 1}}});
    }
}

TEST_CASE("parallel blocks agree with the reference, also where a branch is absent") {
  for (const char* place : {"pre", "sandwich"})
    for (const char* position : {"rope", "learned"})
      check_small({{{"block", "parallel"}, {"norm.place", place}, {"position", position}}, {}});
  check_small({{{"block", "parallel"}}, {{"mlp.absent.0", 1}}});
  check_small({{{"block", "parallel"}}, {{"attention.absent.0", 0}}});
  check_small({{{"block", "parallel"}, {"norm.kind", "none"}}, {}});
}

// Two sequences of 7 tokens with ends of 2 and 0 tokens of padding.
Problem padded_problem(int32_t padding, int32_t separator) {
  Problem p = make_problem(11, 2, 7);
  for (int32_t& token : p.tokens)
    if (token == padding) token = 0;
  p.tokens[1] = p.tokens[10] = separator;
  p.tokens[5] = p.tokens[6] = p.tokens[8] = padding;
  return p;
}

TEST_CASE("an encoder's parts agree with the reference") {
  const Edits encoder{{{"attention.mask", "bidirectional"},
                       {"attention.bias", "all"},
                       {"norm.place", "post"},
                       {"mlp.kind", "gelu"}},
                      {{"mlp.bias", 1},
                       {"norm.embedding", 1},
                       {"token_types.count", 2},
                       {"token_types.separator", 4},
                       {"attention.mask.padding", 9}}};
  const Edits heads[] = {
      {{{"output.transform", "gelu"}}, {{"output.tied", 1}, {"output.bias", 1}}},
      {{{"output.transform", "gelu_tanh"}}, {}},
      {{{"output.kind", "hidden"}}, {}},
      {{{"norm.kind", "none"}, {"norm.place", ""}, {"output.transform", "relu"}}, {}}};
  for (Edits head : heads) {
    Edits edits = with(encoder, head);
    if (head.words.contains("norm.kind")) {
      edits.words.erase("norm.place");
      edits.numbers.erase("norm.embedding");
    }
    INFO(text_of(edits));
    Pair pair(with(kSmall, edits), padded_problem(9, 4));
    check_values(pair, false);
    check_whole_gradient(pair);
  }
  // Of causal models, too, and with documents.
  for (const int separator : {-1, 4}) {
    Pair pair(with(kSmall,
                   {{}, {{"attention.mask.padding", 9}, {"attention.mask.separator", separator}}}),
              padded_problem(9, 4));
    check_values(pair, false);
    check_whole_gradient(pair);
  }
}

TEST_CASE("what stands in the padding changes nothing before it") {
  const Edits edits{{{"attention.mask", "bidirectional"}}, {{"attention.mask.padding", 9}}};
  const Problem padded = padded_problem(9, 4);
  Problem cut = padded;
  cut.batch = 1, cut.length = 5;
  cut.tokens.resize(5), cut.targets.resize(5), cut.positions.resize(5);
  const Pair whole(with(kSmall, edits), padded), alone(with(kSmall, edits), cut);
  const std::vector<float> padded_logits = logits_of(whole.model, padded),
                           cut_logits = logits_of(alone.model, cut);
  for (size_t i = 0; i < cut_logits.size(); ++i)
    CHECK(std::abs(padded_logits[i] - cut_logits[i]) < 1e-6);
}

TEST_CASE("options of norms and encodings agree with the reference") {
  check_small({{}, {{"norm.eps", 0.3}}});
  check_small({{{"norm.kind", "rms"}}, {{"norm.eps", 0.3}}});
  for (const char* kind : {"layer", "rms"})
    check_small({{{"attention.qk_norm", kind}}, {{"attention.qk_norm.eps", 0.3}}});
  check_small({{{"position", "rope"}}, {{"position.base", 7.0}}});
  check_small({{{"position", "rope"}}, {{"position.fraction", 0.5}}});
  check_small({{{"position", "rope"}}, {{"position.interpolation", 2.5}}});
  // Within these contexts some of the pairs turn often, some rarely and some in between.
  const Edits wide = {{{"position", "rope"}}, {{"heads", 1}, {"position.base", 300.0}}};
  check_small(with(wide, {{{"position.scaling", "llama3"}},
                          {{"position.scaling.original_context", 40},
                           {"position.scaling.factor", 3.5},
                           {"sink_tokens", 2}}}));
  for (const double truncate : {0, 1})
    check_small(with(wide, {{{"position.scaling", "yarn"}},
                            {{"position.scaling.original_context", 40},
                             {"position.scaling.beta_fast", 4},
                             {"position.scaling.beta_slow", 0.5},
                             {"position.scaling.truncate", truncate},
                             {"position.fraction", truncate ? 1.0 : 0.5},
                             {"position.scaling.attention_factor", 0.6 * truncate},
                             {"position.interpolation", 1.5}}}));
  check_small({{{"position", "sinusoidal"}}, {{"position.scale", 0.25}}});
  check_small({{{"position", "alibi"}}, {{"position.slopes.0", 0.7}, {"position.slopes.1", -0.2}}});
  for (const char* mask : {"causal", "bidirectional"})
    check_small({{{"position", "fire"}, {"attention.mask", mask}},
                 {{"position.threshold", 2.5}, {"position.hidden", 5}, {"sink_tokens", 1}}});
  check_small({{{"position.0", "fire"}, {"position.1", "fire"}}, {{"position.1.threshold", 3.0}}});
}

TEST_CASE("FIRE's c and the factor of its threshold count by their sizes") {
  for (const float sign : {1.0f, -1.0f}) {
    Pair pair(with(kSmall, {{{"position", "fire"}}, {{"position.threshold", 2.5}}}),
              make_problem(11, 2, 7));
    for (Parameter& p : pair.model.parameters().all())
      for (const auto& [name, size] :
           {std::pair{"embed.position.c", 0.4f}, {"embed.position.factor", 1.25f}})
        if (p.name == name) pair.weights[p.name][0] = p.variable.value.data[0] = sign * size;
    check_values(pair, false);
    check_whole_gradient(pair);
  }
}

TEST_CASE("options of normalizers, slots and the relative bias agree with the reference") {
  check_small({{{"attention.normalizer", "sigmoid"}}, {{"attention.normalizer.normalized", 1}}});
  check_small({{{"attention.normalizer", "softpick"}}, {{"attention.normalizer.eps", 0.3}}});
  for (double zeta : {1.0, 1.5})
    check_small({{{"attention.normalizer", "clipped"}},
                 {{"attention.normalizer.alpha", 1.2}, {"attention.normalizer.zeta", zeta}}});
  check_small({{{"attention.slot", "key_value"}}, {{"attention.slot.value_norm", 0.7}}});
  check_small(
      {{{"position", "relative"}}, {{"position.buckets", 6}, {"position.max_distance", 5}}});
  check_small({{{"position", "relative"}, {"attention.mask", "bidirectional"}},
               {{"position.bidirectional", 1}, {"position.buckets", 8}}});
  check_small({{{"position.0", "relative"}, {"position.1", "relative"}}, {}});
}

TEST_CASE("masks compose") {
  for (const char* kind : {"causal", "bidirectional"})
    for (int bits = 1; bits < 16; ++bits) {
      INFO(kind, ", parts ", bits);
      Edits edits{{{"attention.mask", kind}}, {}};
      if (bits & 1) edits.numbers["attention.mask.window"] = 2;
      if (bits & 2) edits.numbers["attention.mask.prefix"] = 2;
      if (bits & 4) edits.numbers["attention.mask.separator"] = 4;
      if (bits & 8) {
        edits.numbers["attention.mask.self_only.0"] = 0;
        edits.numbers["attention.mask.self_only.1"] = 5;
        edits.numbers["attention.mask.self_only_layers.0"] = 1;
      }
      Problem p = make_problem(11, 2, 9);
      for (size_t n : {3, 4, 12}) p.tokens[n] = 4;
      Pair pair(with(kSmall, edits), p);
      check_values(pair, false);
      check_whole_gradient(pair);
    }
}

TEST_CASE("dropout of attention weights agrees with the reference") {
  for (const char* normalizer : {"softmax", "clipped"}) {
    Problem p = make_problem(11, 2, 7);
    p.noise = {5, 9, 3};
    Edits edits{{{"attention.normalizer", normalizer}, {"attention.slot", "key_value"}},
                {{"dropout.attention", 0.25}}};
    if (normalizer == std::string("clipped")) edits.numbers["attention.normalizer.alpha"] = 1.2;
    Pair pair(with(kSmall, edits), p);
    check_values(pair, false);
    check_whole_gradient(pair);
    const std::vector<float> dropped = logits_of(pair.model, p);
    for (const std::optional<Noise>& other :
         {std::optional<Noise>{}, {{6, 9, 3}}, {{5, 10, 3}}, {{5, 9, 4}}}) {
      p.noise = other;
      CHECK(logits_of(pair.model, p) != dropped);
    }
  }
}

TEST_CASE("every layer may have an encoding of its own") {
  check_small({{{"position.0", "rope"}, {"position.1", "rope"}}, {{"position.1.base", 7.0}}});
  check_small({{{"position.0", "alibi"}, {"position.1", "none"}}, {}});
  check_small({{{"position.0", "none"}, {"position.1", "rope"}}, {{"attention.absent.0", 0}}});
  // A list of equals is that one encoding.
  const Problem p = make_problem(11, 2, 7);
  for (const char* kind : {"none", "rope", "alibi"}) {
    const Pair one(with(kSmall, {{{"position", kind}}, {}}), p);
    const Pair both(with(kSmall, {{{"position.0", kind}, {"position.1", kind}}, {}}), p);
    CHECK(logits_of(one.model, p) == logits_of(both.model, p));
  }
}

TEST_CASE("vectors that are added to the input of attention alone agree with the reference") {
  for (const char* kind : {"learned", "sinusoidal"})
    for (const char* place : {"pre", "post", "sandwich"}) {
      INFO(kind, ", ", place);
      check_small(
          {{{"position", kind}, {"position.into", "attention"}, {"norm.place", place}}, {}});
      check_small({{{"position", kind}, {"position.into", "attention"}, {"norm.place", place}},
                   {{"sink_tokens", 2}, {"residual", 0}}});
    }
  check_small({{{"position.0", "learned"},
                {"position.0.into", "attention"},
                {"position.1", "learned"},
                {"position.1.into", "attention"}},
               {}});
  check_small(
      {{{"position.0", "rope"}, {"position.1", "learned"}, {"position.1.into", "attention"}}, {}});
}

TEST_CASE("dedicated tokens, and rows that do not count, agree with the reference") {
  for (const char* into : {"embeddings", "attention"})
    for (const int sinks : {0, 2}) {
      INFO(into, ", sink tokens: ", sinks);
      Edits edits{{{"input", "features"}, {"dedicated.into", into}},
                  {{"dedicated.count", 3}, {"sink_tokens", sinks}}};
      Problem p = make_problem(11, 2, 7);
      for (size_t n = 0; n < p.tokens.size(); ++n)
        if (p.tokens[n] >= 8) p.targets[n] = -1;
      REQUIRE(std::ranges::count(p.targets, -1) > 0);
      Pair pair(with(kSmall, edits), p);
      check_values(pair, false);
      check_whole_gradient(pair);
    }
}

TEST_CASE("dropout agrees with the reference, in every place of the norms") {
  for (const char* place : {"pre", "post", "sandwich"})
    for (const auto& [residual, embedding] : {std::pair{0.0, 0.3}, {0.2, 0.0}, {0.5, 0.1}}) {
      Problem p = make_problem(11, 2, 7);
      p.noise = {5, 9, 3};
      Pair pair(with(kSmall, {{{"norm.place", place}},
                              {{"dropout.residual", residual}, {"dropout.embedding", embedding}}}),
                p);
      check_values(pair, false);
      check_whole_gradient(pair);
      const std::vector<float> dropped = logits_of(pair.model, p);
      for (const std::optional<Noise>& other :
           {std::optional<Noise>{}, {{6, 9, 3}}, {{5, 10, 3}}, {{5, 9, 4}}}) {
        p.noise = other;
        CHECK(logits_of(pair.model, p) != dropped);
      }
    }
}

TEST_CASE("blocks without attention or without an MLP agree with the reference") {
  for (const char* place : {"pre", "post", "sandwich"}) {
    const std::map<std::string, std::string> words = {{"norm.place", place}, {"position", "rope"}};
    check_small({words, {{"attention.absent.0", 0}}});
    check_small({words, {{"attention.absent.0", 1}, {"mlp.absent.0", 0}}});
    check_small({words, {{"attention.absent.0", 0}, {"attention.absent.1", 1}}});
    check_small({words, {{"mlp.absent.0", 1}, {"mlp.absent.1", 0}}});
  }
}

TEST_CASE("shortest sequences and single layers agree with the reference") {
  for (int length : {1, 2}) {
    INFO("length ", length);
    Pair pair(with(kSmall, {{}, {{"layers", 1}}}), make_problem(11, 3, length));
    check_values(pair, false);
    check_whole_gradient(pair);
  }
}

// 150 tokens are two tiles and a third of 22 rows; no other size is a multiple of a tile either.
TEST_CASE("sequences and widths of several tiles agree with the reference") {
  for_every_kind([](const Edits& edits) {
    Edits large{{{"attention.bias", "all"}},
                {{"layers", 1},
                 {"heads", 3},
                 {"width", 72},
                 {"context", 160},
                 {"mlp.width", 70},
                 {"mlp.bias", 1}}};
    for (const auto& [key, slope] : edits.numbers)  // of two heads; the third has its own
      if (key.ends_with("slopes.1")) large.numbers[key.substr(0, key.size() - 1) + "2"] = slope / 2;
    Problem p = make_problem(67, 2, 150);
    std::swap(p.positions[3], p.positions[140]);
    Pair pair(with(edits, large), p);
    check_values(pair, true);
    check_gradient_along_signs(pair);
  });
}

TEST_CASE("sequences that fill their tiles exactly agree with the reference") {
  const Edits full{
      {}, {{"layers", 1}, {"heads", 1}, {"width", 64}, {"context", 128}, {"mlp.width", 64}}};
  for (int length : {64, 128}) {
    INFO("length ", length);
    Pair pair(full, make_problem(64, 1, length));
    check_values(pair, false);
    check_gradient_along_signs(pair);
  }
}

// Bigrams: the logits of a token depend on that token alone, linearly in its embedding.
TEST_CASE("a linear MLP without norms and attention is a bigram table") {
  const Pair pair(
      with(kSmall, {{{"mlp.kind", "linear"}, {"norm.kind", "none"}, {"position", "none"}},
                    {{"layers", 1}, {"attention.absent.0", 0}}}),
      make_problem(11, 2, 7));
  const auto weight = [&](const std::string& name) { return pair.weights.at(name + ".weight"); };
  const auto embed = weight("embed.token"), up = weight("blocks.0.mlp.up"),
             down = weight("blocks.0.mlp.down"), output = weight("output");
  const auto product = [](const std::vector<double>& x, const std::vector<double>& w, size_t out) {
    std::vector<double> y(out, 0.0);
    for (size_t i = 0; i < w.size(); ++i) y[i % out] += x[i / out] * w[i];
    return y;
  };
  std::vector<double> table;
  for (size_t token = 0; token < 11; ++token) {
    std::vector<double> x(&embed[token * 8], &embed[token * 8] + 8);
    const std::vector<double> y = product(product(x, up, 12), down, 8);
    for (size_t c = 0; c < 8; ++c) x[c] += y[c];
    for (double logit : product(x, output, 11)) table.push_back(logit);
  }
  std::vector<double> expected;
  for (int32_t token : pair.problem.tokens)
    expected.insert(expected.end(), &table[token * 11], &table[token * 11] + 11);
  CHECK(distance(logits_of(pair.model, pair.problem), expected) < kValueTolerance);
}

TEST_CASE("a head gate lets through at first what is asked for") {
  ModelConfig config;
  Settings(config, with(kSmall, {{{"attention.gate", "head"}}, {{"attention.gate.open", 0.3}}}));
  const Transformer gated(config, 11, 1);
  config.attention.gate.set("none");
  Transformer plain(config, 11, 1);
  for (Parameter& p : plain.parameters().all())
    if (p.name.ends_with("attn.out.weight"))
      for (int64_t i = 0; i < p.shape.size(); ++i) p.variable.value.data[i] *= 0.3f;
  const Problem p = make_problem(11, 2, 7);
  CHECK(distance(logits_of(gated, p), logits_of(plain, p)) < kValueTolerance);
}

TEST_CASE("without positions the model counts from zero") {
  const Pair pair(kSmall, make_problem(11, 2, 7));
  Arena arena;
  Tape tape(arena, false);
  const Problem& p = pair.problem;
  const Variable a = pair.model.forward(tape, {p.tokens, 2, 7, {}});
  const Variable b = pair.model.forward(tape, {p.tokens, 2, 7, p.positions});
  CHECK(std::equal(a.value.data, a.value.data + a.value.size(), b.value.data));
}

TEST_CASE("none, rope and alibi know differences of positions only") {
  for (const auto& position : {"none", "rope", "alibi"}) {
    INFO(position);
    const Pair pair(with(kSmall, {{{"position", position}}, {{"context", 40}}}),
                    make_problem(11, 2, 7));
    Problem moved = pair.problem;
    for (int32_t& p : moved.positions) p += 33;
    Arena arena;
    Tape tape(arena, false);
    const Variable logits = pair.model.forward(tape, {moved.tokens, 2, 7, moved.positions});
    const std::vector<float> found(logits.value.data, logits.value.data + logits.value.size());
    CHECK(distance(found, run(pair.settings, pair.weights, pair.problem).logits) < kValueTolerance);
  }
}

TEST_CASE("alibi's slopes are those of its paper") {
  CHECK(alibi_slopes(1) == std::vector<double>{1.0 / 256});
  CHECK(alibi_slopes(8) == std::vector<double>{1 / 2.0, 1 / 4.0, 1 / 8.0, 1 / 16.0, 1 / 32.0,
                                               1 / 64.0, 1 / 128.0, 1 / 256.0});
  const std::vector<double> three = {1 / 16.0, 1 / 256.0, 1 / 4.0};
  CHECK(alibi_slopes(3) == three);
}

TEST_CASE("a kind without a reference is refused by name") {
  ModelConfig config;
  Settings settings(config, {{{"norm.place", "beside"}}, {}});
  CHECK_THROWS_WITH(
      run<double>(settings, {}, make_problem(3, 1, 1)),
      doctest::Contains("tests/reference/model.cpp: norm.place = beside has no reference "
                        "yet. Add \"beside\" to the words there, and what it computes "
                        "to model.cpp: Model."));
  CHECK_THROWS_WITH(Settings(config, {{}, {{"mlp.depth", 3}}}), doctest::Contains("mlp.depth"));
}

}  // namespace
}  // namespace waiver::reference
