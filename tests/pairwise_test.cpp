#include "reference/pairwise.h"

#include <doctest/doctest.h>

#include <set>

#include "core/random.h"
#include "data/dataset.h"
#include "reference/agreement.h"
#include "threads_of_scope.h"
#include "train/deal.h"

// Every two values of two different switches of the model, at least once in one config: found from
// the config itself, so that a new switch joins without being named here.

namespace waiver::reference {
namespace {

const Covering& covering() {
  static const Covering found = cover_pairs(kSmall);
  return found;
}

// Models this small run fastest so; that threads change no bits is for the tests of the ops.
struct OneThread : Threads {
  OneThread() : Threads(1) {}
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

// The gradients of one pass, and of each further use of a parameter, in the order of backward.
using OfPass = std::vector<std::vector<float>>;

OfPass gradients_of(Pair& pair, const Deal::Pass& pass) {
  const Problem& all = pair.problem;
  const BatchShare share{all.batch, pass.first, pass.count};
  const int64_t first = share.sequence(pass.first),
                count = share.sequence(pass.first + pass.count) - first;
  const auto cut = [&](const auto& numbers) {
    const size_t each = numbers.size() / all.batch;
    return std::span(numbers).subspan(first * each, count * each);
  };
  Input input{cut(all.tokens), count, all.length, all.positions, all.noise};
  input.noise->first_sequence += first;
  input.features = cut(all.features);
  input.share = share;
  Arena arena;
  Uses uses;
  Tape tape(arena);
  tape.separate(uses);
  pair.model.parameters().zero_grads();
  const Variable output = pair.model.forward(tape, input);
  ShareOfLoss whole{count_targets(all.targets)};
  tape.backward(pair.config.gives_logits()
                    ? cross_entropy(tape, output, cut(all.targets), &whole)
                    : squared_error(tape, output, cut(all.answers), cut(all.targets), &whole));
  const auto grads = pair.model.parameters().grads();
  OfPass out = {{grads.begin(), grads.end()}};
  for (const Uses::Use& use : uses.further()) {
    out.emplace_back(grads.size());  // beside those of all other parameters, which are 0
    std::copy_n(use.gradient.data, use.gradient.size(),
                out.back().begin() + (use.parameter - grads.data()));
  }
  return out;
}

// The sum over parts [begin, end) of the batch, in its tree.
OfPass sum_of(const std::vector<Deal::Pass>& passes, const std::vector<OfPass>& found,
              int64_t begin, int64_t end) {
  for (size_t i = 0; i < passes.size(); ++i)
    if (passes[i].first == begin && passes[i].count == end - begin) return found[i];
  OfPass sum = sum_of(passes, found, begin, (begin + end) / 2);
  const OfPass other = sum_of(passes, found, (begin + end) / 2, end);
  for (size_t use = 0; use < sum.size(); ++use)
    for (size_t i = 0; i < sum[use].size(); ++i) sum[use][i] += other[use][i];
  return sum;
}

TEST_CASE("passes over shares of a batch add up to the bits of one pass, whatever is switched") {
  const OneThread one;
  for (const auto& [batch, ranks] : {std::pair{2, 2}, {5, 3}, {9, 2}, {13, 8}}) {
    Problem problem = make_problem(11, batch, 7);
    problem.noise = {5, 9, 3};
    const std::vector<Deal::Pass> passes = Deal(1, batch, ranks).rounds.front();
    for (const Edits& edits : covering().configs) {
      INFO(text_of(edits));
      Pair pair(with(kSmall, edits), problem);
      const std::vector<float> whole = gradients_of(pair);
      std::vector<OfPass> found;
      for (const Deal::Pass& pass : passes) found.push_back(gradients_of(pair, pass));
      std::vector<float> sum(whole.size());
      for (const std::vector<float>& use : sum_of(passes, found, 0, BatchParts::count_of(batch)))
        for (size_t i = 0; i < sum.size(); ++i) sum[i] += use[i];
      CHECK(sum == whole);
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
