#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "reference/agreement.h"

// The fast model against tests/reference, the same model as loops in double precision.

namespace waiver::reference {
namespace {

void check_small(const Edits& edits) {
  Pair pair(with(kSmall, edits), make_problem(11, 2, 7));
  check_values(pair, false);
  check_whole_gradient(pair);
}

// Calls f with every combination of the kinds that the config allows, a new one included.
template <class F>
void for_every_kind(const F& f) {
  ModelConfig config;
  const Settings known(config);
  for (const auto& position : known.choices("position"))
    for (const auto& mask : known.choices("attention.mask"))
      for (const auto& normalizer : known.choices("attention.normalizer"))
        for (const auto& norm : known.choices("norm.kind"))
          for (const auto& place : known.choices("norm.place"))
            for (const auto& mlp : known.choices("mlp.kind")) {
              INFO(fmt::format("{} {} {} {} {} {}", position, mask, normalizer, norm, place, mlp));
              f(Edits{{{"position", position},
                       {"attention.mask", mask},
                       {"attention.normalizer", normalizer},
                       {"norm.kind", norm},
                       {"norm.place", place},
                       {"mlp.kind", mlp}},
                      {}});
            }
}

TEST_CASE("dual numbers and the complex step find the same derivatives") {
  for_every_kind([](const Edits& edits) {
    const Pair pair(with(kSmall, with(edits, {{}, {{"attention.bias", 1}, {"mlp.bias", 1}}})),
                    make_problem(11, 2, 5));
    const Weights<double> duals = gradient(pair.settings, pair.weights, pair.problem);
    for (const auto& [name, values] : duals) {
      INFO("gradient of ", name);
      double scale = 0;
      for (double g : values) scale = std::max(scale, std::abs(g));
      const size_t index = Random(11, name).below(0, static_cast<int64_t>(values.size()));
      const double step = complex_step(pair.settings, pair.weights, pair.problem, name, index);
      CHECK(std::abs(values[index] - step) <= 1e-14 * scale);
    }
  });
}

TEST_CASE("the reference reads every setting of a model but its initial weights") {
  for_every_kind([](const Edits& edits) {
    const Pair pair(with(kSmall, edits), make_problem(11, 1, 3));
    weight_shapes(pair.settings, 11);
    run(pair.settings, pair.weights, pair.problem);
    for (const std::string& key : pair.settings.unread())
      CHECK_MESSAGE(key.starts_with("init"), key);
  });
}

TEST_CASE("a model has the weights that the reference knows, by name and shape") {
  for (const auto& position : {"none", "learned", "rope"})
    for (int bits = 0; bits < 32; ++bits) {
      const Pair pair(with(kSmall, {{{"position", position}},
                                    {{"attention.bias", bits & 1},
                                     {"mlp.bias", bits >> 1 & 1},
                                     {"norm.bias", bits >> 2 & 1},
                                     {"output.bias", bits >> 3 & 1},
                                     {"output.tied", bits >> 4}}}),
                      make_problem(11, 1, 3));
      std::map<std::string, std::vector<int64_t>> shapes;
      for (const Parameter& p : pair.model.parameters().all())
        shapes[p.name].assign(p.shape.dims, p.shape.dims + p.shape.rank);
      CHECK(shapes == weight_shapes(pair.settings, 11));
    }
}

TEST_CASE("every combination of kinds agrees with the reference") {
  for_every_kind([](const Edits& edits) { check_small(edits); });
}

TEST_CASE("every combination of kinds agrees when positions are swapped and repeated") {
  for_every_kind([](const Edits& edits) {
    Problem p = make_problem(11, 2, 7);
    p.positions = {4, 1, 8, 3, 0, 3, 6};
    Pair pair(with(kSmall, edits), p);
    check_values(pair, true);
    check_whole_gradient(pair);
  });
}

TEST_CASE("biases and tied outputs agree with the reference, alone and together") {
  for (const auto& mlp : {"relu", "gelu"})
    for (int bits = 0; bits < 32; ++bits) {
      INFO(mlp, ", biases and tying: ", bits);
      check_small({{{"mlp.kind", mlp}},
                   {{"layers", 1},
                    {"attention.bias", bits & 1},
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
}

TEST_CASE("options of norms and encodings agree with the reference") {
  check_small({{}, {{"norm.eps", 0.3}}});
  check_small({{{"position", "rope"}}, {{"position.base", 7.0}}});
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
    const Edits large{{},
                      {{"layers", 1},
                       {"heads", 3},
                       {"width", 72},
                       {"context", 160},
                       {"mlp.width", 70},
                       {"mlp.bias", 1},
                       {"attention.bias", 1}}};
    Problem p = make_problem(67, 2, 150);
    std::swap(p.positions[3], p.positions[140]);
    Pair pair(with(large, edits), p);
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
  Settings settings(config, {{{"mlp.kind", "swish"}}, {}});
  CHECK_THROWS_WITH(run<double>(settings, {}, make_problem(3, 1, 1)),
                    doctest::Contains("mlp.kind = swish has no reference yet"));
  CHECK_THROWS_WITH(Settings(config, {{}, {{"mlp.depth", 3}}}), doctest::Contains("mlp.depth"));
}

}  // namespace
}  // namespace waiver::reference
