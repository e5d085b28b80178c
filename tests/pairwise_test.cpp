#include "reference/pairwise.h"

#include <doctest/doctest.h>

#include <set>

#include "core/random.h"
#include "core/threads.h"
#include "reference/agreement.h"

// Every two values of two different switches of the model, at least once in one config: found from
// the config itself, so that a new switch joins without being named here.

namespace waiver::reference {
namespace {

const Covering& covering() {
  static const Covering found = cover_pairs(kSmall);
  return found;
}

// Models this small run fastest so; that threads change no bits is for the tests of the ops.
struct OneThread {
  OneThread() { set_threads(1); }
  ~OneThread() { set_threads(before); }
  int before = threads();
};

// Of training, so that dropout drops.
Problem noisy_problem() {
  Problem p = make_problem(11, 2, 7);
  p.noise = {5, 9, 3};
  return p;
}

// Whether a config of these edits has both values.
bool holds(const std::map<std::string, Value>& config, const Switch& a, const Value& x,
           const Switch& b, const Value& y) {
  const auto i = config.find(a.key), j = config.find(b.key);
  return i != config.end() && j != config.end() && i->second == x && j->second == y;
}

template <class F>
void for_every_pair(const std::vector<Switch>& switches, const F& f) {
  for (size_t i = 0; i < switches.size(); ++i)
    for (size_t j = i + 1; j < switches.size(); ++j)
      for (const Value& x : switches[i].values)
        for (const Value& y : switches[j].values) f(switches[i], x, switches[j], y);
}

TEST_CASE("every switch of the model takes part, options of kinds included") {
  ModelConfig config;
  const Settings known(config);
  std::map<std::string, std::vector<Value>> values;
  for (const Switch& s : covering().switches) values[s.key] = s.values;
  for (const auto& [key, word] : known.words()) {
    if (key.starts_with("init")) continue;
    INFO(key);
    CHECK(values[key].size() == known.choices(key).size());
  }
  for (const char* flag : {"mlp.bias", "output.tied"}) CHECK(values[flag].size() == 2);
  for (const char* number : {"position.base", "sink_tokens"}) CHECK(values[number].size() == 2);
  for (const char* list : {"attention.mask.self_only", "attention.mask.self_only_layers",
                           "attention.absent", "mlp.absent", "position.slopes"}) {
    INFO(list);
    REQUIRE(values[list].size() == 2);
    CHECK(values[list][0] == Value(std::vector<double>{}));
  }
  CHECK(!values.contains("width"));
}

TEST_CASE("every pair of values is covered by a valid config or reported as impossible") {
  std::vector<std::map<std::string, Value>> configs;
  for (const Edits& edits : covering().configs) {
    CHECK_MESSAGE(misfit_of(edits).empty(), text_of(edits));
    configs.push_back(values_of(edits));
  }
  std::set<std::string> impossible;
  for (const auto& [pair, reason] : covering().impossible) {
    MESSAGE("impossible: ", pair, " (", reason, ")");
    impossible.insert(pair);
  }
  // What is not covered must not exist: neither in the default config nor in 100 random ones.
  for_every_pair(
      covering().switches, [&](const Switch& a, const Value& x, const Switch& b, const Value& y) {
        for (const auto& config : configs)
          if (holds(config, a, x, b, y)) return;
        const std::string pair = text_of(a.key, x) + " and " + text_of(b.key, y);
        INFO(pair);
        bool exists = false;
        for (int draw = 0; draw < 100; ++draw) {
          const Random random(29, pair, draw);
          Edits edits = kSmall;
          for (size_t s = 0; s < covering().switches.size() && draw > 0; ++s) {
            const Switch& other = covering().switches[s];
            set(edits, other.key, other.values[random.below(s, std::ssize(other.values))]);
          }
          set(edits, a.key, x);
          set(edits, b.key, y);
          if (!holds(values_of(edits), a, x, b, y)) continue;
          exists = true;
          CHECK(!misfit_of(edits).empty());
        }
        if (exists) CHECK(impossible.contains(pair));
      });
}

TEST_CASE("the covering set of all switches agrees with the reference") {
  const OneThread one;
  MESSAGE(covering().configs.size(), " configs of ", covering().switches.size(), " switches");
  for (const Edits& edits : covering().configs) {
    INFO(text_of(edits));
    Pair pair(with(kSmall, edits), noisy_problem());
    check_values(pair, false);
    check_gradient_along_signs(pair);
  }
}

TEST_CASE(
    "frozen weights get no gradient, and the others theirs to the bit, whatever is switched") {
  const OneThread one;
  for (const Edits& edits : covering().configs) {
    INFO(text_of(edits));
    Pair whole(with(kSmall, edits), noisy_problem());
    const std::vector<float> all = gradients_of(whole);
    for (const int64_t half : {0, 1}) {
      Pair part(with(kSmall, edits), noisy_problem());
      std::vector<float> expected = all;
      ParameterSet& parameters = part.model.parameters();
      for (const Parameter& p : parameters.all())
        if (Random(31, p.name).below(0, 2) == half) {
          std::fill_n(expected.begin() + parameters.offset(p), p.shape.size(), 0.0f);
          parameters.freeze(p.name);
        }
      CHECK(gradients_of(part) == expected);
    }
  }
}

TEST_CASE("computing blocks anew in backward changes no bit of a gradient, whatever is switched") {
  const OneThread one;
  for (const Edits& edits : covering().configs) {
    INFO(text_of(edits));
    Pair kept(with(kSmall, edits), noisy_problem()), anew(with(kSmall, edits), noisy_problem());
    const std::vector<float> all = gradients_of(kept);
    CHECK(gradients_of(anew, [](Tape& tape) { tape.let_recompute(); }) == all);
  }
}

}  // namespace
}  // namespace waiver::reference
