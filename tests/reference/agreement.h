#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "autograd/ops/ops.h"
#include "core/random.h"
#include "model/transformer.h"
#include "reference/gradient.h"

/// How the fast model is compared with the reference.
namespace waiver::reference {

// fp32 rounds to 6e-8. Worst found: 7e-6 in logits and 2.3e-5 in gradients, where norms of queries,
// keys and branches magnify rounding (there, weights moved by 6e-8 alone move exact gradients by
// 4e-6); without those norms 5e-7 and 1.3e-6.
constexpr double kValueTolerance = 1e-5;
constexpr double kGradientTolerance = 1e-4;
// The gradient of a parameter of few numbers may have no large entry to be compared with, where
// each is a sum that cancels: its rounding scales with the largest gradient of the model (worst
// found: 1.2e-6 of it).
constexpr double kLoneTolerance = 5e-6;
constexpr int64_t kFew = 4;

// Beyond that, a gradient may be so many times as far off as a change of the weights' last bits
// moves it (worst found: .3, of a norm of next to nothing).
constexpr double kNoises = 1;

// In bfloat16 what float32 rounds differently now and then takes the next of 256 steps.
constexpr double kRoundedLossTolerance = 4e-3;  // without a final norm; with one half of it
constexpr double kRoundedValueTolerance = 3e-2;
constexpr double kRoundedTurn = 5e-4;  // of the whole gradient: 1 − cosine
// Of a parameter's gradient, along random signs. A cosine of .9995 leaves an error of .032, and the
// largest of some thousand is 3 to 4 times as large (worst found: .098, in a regression without
// norms).
constexpr double kRoundedGradientTolerance = 0.12;
// Clipping lets so few weights through that norms of what they give magnify rounding.
constexpr double kClippedGradientTolerance = 0.35;
// How far a kink may be from a value for it to be found on either side: in float32 the error of
// values, in bfloat16 a step at 4, as large as unscaled scores get here.
constexpr double kRoundedKink = 1.6e-2;
// Below float32's resolution of the largest gradient of the model nothing can be seen.
constexpr double kVanishing = 6e-8;

// A model, some tokens, and the settings and weights that the reference needs for the same model.
struct Pair {
  Edits edits;
  ModelConfig config;
  Settings settings;
  Transformer model;
  Problem problem;
  Weights<double> weights;

  Pair(const Edits& e, Problem p)
      : edits(e), settings(config, edits), model(config, p.vocabulary, 1), problem(std::move(p)) {
    for (int64_t i = 0; i < problem.batch * problem.length * config.width; ++i) {
      problem.features.push_back(static_cast<float>(Random(5, "features").normal(i)));
      problem.answers.push_back(static_cast<float>(Random(5, "answers").normal(i)));
    }
    for (Parameter& parameter : model.parameters().all()) {
      const Random random(3, parameter.name);
      const bool gain = parameter.name.ends_with(".gain"), matrix = parameter.is_matrix(),
                 table = parameter.name.starts_with("embed.");
      const double in = static_cast<double>(parameter.shape[0]);
      const double scale = table ? 1.0 : matrix ? 1.0 / std::sqrt(in) : 0.3;
      std::vector<double>& copy = weights[parameter.name];
      for (int64_t i = 0; i < parameter.shape.size(); ++i) {
        float& w = parameter.variable.value.data[i];
        w = static_cast<float>(gain + scale * random.normal(i));
        copy.push_back(w);
      }
    }
  }
};

inline Input input_of(const Problem& p, bool say_positions = true) {
  Input input{p.tokens, p.batch, p.length, {}, p.noise, nullptr, p.features};
  if (say_positions) input.positions = p.positions;
  return input;
}

inline Variable loss_of(Tape& tape, const Pair& pair, Variable output) {
  return pair.config.gives_logits()
             ? cross_entropy(tape, output, pair.problem.targets)
             : squared_error(tape, output, pair.problem.answers, pair.problem.targets);
}

inline Problem make_problem(int64_t vocabulary, int64_t batch, int64_t length) {
  Problem p{vocabulary, batch, length, {}, {}, {}};
  const Random tokens(5, "tokens"), targets(5, "targets");
  for (int64_t n = 0; n < batch * length; ++n) {
    p.tokens.push_back(static_cast<int32_t>(tokens.below(n, vocabulary)));
    p.targets.push_back(static_cast<int32_t>(targets.below(n, vocabulary)));
  }
  p.positions.resize(length);
  std::iota(p.positions.begin(), p.positions.end(), 0);
  return p;
}

// Small enough for the reference to compute a whole gradient.
inline const Edits kSmall{
    {}, {{"layers", 2}, {"heads", 2}, {"width", 8}, {"context", 9}, {"mlp.width", 12}}};

inline Edits with(Edits edits, const Edits& more) {
  for (const auto& [key, word] : more.words) edits.words[key] = word;
  for (const auto& [key, number] : more.numbers) edits.numbers[key] = number;
  if (const auto mlp = edits.words.find("mlp.kind");
      mlp != edits.words.end() && mlp->second == "none")
    std::erase_if(edits.numbers, [](const auto& e) { return e.first.starts_with("mlp."); });
  return edits;
}

// max |x − y| / max |y|; infinite when anything is not finite.
template <class A, class B>
double distance(const A& x, const B& y) {
  double worst = 0, scale = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double error = std::abs(x[i] - y[i]);
    if (!std::isfinite(error)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, error);
    scale = std::max(scale, std::abs(static_cast<double>(y[i])));
  }
  return scale > 0 ? worst / scale : worst;
}

// Weights moved by a sixteenth of the step to which bfloat16 rounds, which decides which way some
// numbers go: norms and regressions may magnify that.
constexpr int kDraws = 8;
inline Weights<double> moved(const Pair& pair, int draw) {
  Weights<double> out = pair.weights;
  for (auto& [name, values] : out) {
    const Random random(17, name, draw);
    for (size_t i = 0; i < values.size(); ++i) values[i] *= 1 + 0x1p-12 * random.normal(i);
  }
  return out;
}

// How far the true loss moves where weights move so little.
inline double noise_of_loss(const Pair& pair, double truth) {
  double worst = 0;
  for (int draw = 0; draw < kDraws; ++draw)
    worst =
        std::max(worst, std::abs(run(pair.settings, moved(pair, draw), pair.problem).loss - truth));
  return worst;
}

// Runs the fast model forward and backward and compares loss and logits; its gradients are left in
// its parameters.
inline void check_values(Pair& pair, bool say_positions) {
  const Problem& p = pair.problem;
  Arena arena;
  Tape tape(arena);
  pair.model.parameters().zero_grads();
  Variable logits = pair.model.forward(tape, input_of(p, say_positions));
  Variable loss = loss_of(tape, pair, logits);
  tape.backward(loss);

  const Output<double> truth = run(pair.settings, pair.weights, p);
  const int64_t columns = pair.config.gives_logits() ? p.vocabulary : pair.config.width;
  REQUIRE(logits.value.shape == Shape{p.batch * p.length, columns});
  const std::vector<float> found(logits.value.data, logits.value.data + logits.value.size());
  const bool rounds = pair.config.precision == Precision::bfloat16;
  CHECK(distance(found, truth.logits) < (rounds ? kRoundedValueTolerance : kValueTolerance));
  const double off = std::abs(loss.value.data[0] - truth.loss);
  if (rounds && !(off < kRoundedLossTolerance * truth.loss))
    CHECK(off < kNoises * noise_of_loss(pair, truth.loss));
  if (!rounds) CHECK(off < kValueTolerance * truth.loss);
}

// How far a gradient may be off because of the terms it sums, beyond its own size.
inline double lone_tolerance(const Pair& pair, const Parameter& p) {
  double largest = 0;
  for (const Parameter& other : pair.model.parameters().all())
    for (int64_t i = 0; i < other.shape.size(); ++i)
      largest = std::max(largest, std::abs(double{other.variable.grad.data[i]}));
  return (p.shape.size() <= kFew ? kLoneTolerance : kVanishing) * largest;
}

// How far two gradients point apart: 1 − the cosine of the angle between them, 0 where both are 0.
inline double turned(const ParameterSet& parameters, const Weights<double>& a,
                     const Weights<double>& b) {
  double product = 0, left = 0, right = 0;
  for (const Parameter& p : parameters.all())
    for (int64_t i = 0; i < p.shape.size(); ++i) {
      const double x = a.at(p.name)[i], y = b.at(p.name)[i];
      product += x * y, left += x * x, right += y * y;
    }
  return left == 0 && right == 0 ? 0 : 1 - product / std::sqrt(left * right);
}

// How far the true gradient turns where weights move so little.
inline double noise_of_direction(const Pair& pair, const Weights<double>& truth) {
  double worst = 0;
  for (int draw = 0; draw < kDraws; ++draw)
    worst = std::max(worst, turned(pair.model.parameters(), truth,
                                   gradient(pair.settings, moved(pair, draw), pair.problem)));
  return worst;
}

// All gradients after one pass on a tape that `set` has set, in the order of the parameters.
template <class F>
std::vector<float> gradients_of(Pair& pair, const F& set) {
  Arena arena;
  Tape tape(arena);
  set(tape);
  pair.model.parameters().zero_grads();
  tape.backward(loss_of(tape, pair, pair.model.forward(tape, input_of(pair.problem))));
  const auto grads = pair.model.parameters().grads();
  return {grads.begin(), grads.end()};
}
inline std::vector<float> gradients_of(Pair& pair) {
  return gradients_of(pair, [](Tape&) {});
}

// How far the fast model's own gradient of a parameter moves, relative to its largest number, where
// weights move by their last bit: the rounding on its way, which cancellation magnifies.
inline double noise_of_gradient(const Pair& given, const Parameter& p) {
  Problem problem = given.problem;
  problem.features.clear(), problem.answers.clear();  // Pair makes them
  Pair pair(given.edits, problem);
  const ParameterSet& parameters = pair.model.parameters();
  const int64_t at = given.model.parameters().offset(p);
  double worst = 0;
  const std::vector<float> before = gradients_of(pair);
  for (int draw = 0; draw < 4; ++draw) {
    const Random random(13, "last bits", draw);
    for (float& w : parameters.values())
      w = std::nextafter(w, random.below(&w - parameters.values().data(), 2) ? 9.0f : -9.0f);
    const std::vector<float> after = gradients_of(pair);
    worst = std::max(worst, distance(std::span(after).subspan(at, p.shape.size()),
                                     std::span(before).subspan(at, p.shape.size())));
  }
  return worst;
}

// Every number of every gradient, relative to the largest of its parameter; in bfloat16 their
// direction.
inline void check_whole_gradient(const Pair& pair) {
  const Weights<double> truth = gradient(pair.settings, pair.weights, pair.problem);
  if (pair.config.precision == Precision::bfloat16) {
    Weights<double> found;
    for (const Parameter& p : pair.model.parameters().all())
      found[p.name].assign(p.variable.grad.data, p.variable.grad.data + p.shape.size());
    const double off = turned(pair.model.parameters(), found, truth);
    if (!(off < kRoundedTurn)) CHECK(off < kNoises * noise_of_direction(pair, truth));
    return;
  }
  for (const Parameter& p : pair.model.parameters().all()) {
    INFO("gradient of ", p.name);
    const float* grad = p.variable.grad.data;
    const std::vector<float> found(grad, grad + p.shape.size());
    double worst = 0;
    for (size_t i = 0; i < found.size(); ++i)
      worst = std::max(worst, std::abs(found[i] - truth.at(p.name)[i]));
    if (worst <= lone_tolerance(pair, p)) continue;
    const double off = distance(found, truth.at(p.name));
    if (off < kGradientTolerance) continue;
    CHECK(off < kNoises * noise_of_gradient(pair, p));
  }
}

// The slopes where kinks are at `kink`.
inline auto slopes_with_kink_at(double kink, const Weights<double>& signs, const Pair& pair) {
  reference::kink = kink;
  auto slopes = slopes_along(signs, pair.settings, pair.weights, pair.problem);
  reference::kink = 0;
  return slopes;
}

// Every parameter's gradient along random signs, relative to its Euclidean length, the typical size
// of the sum. For a value that may round to either side of a kink, the slope on either side is
// right, and for several such values anything in between.
inline void check_gradient_along_signs(const Pair& pair) {
  Weights<double> signs;
  for (const auto& [name, values] : pair.weights) {
    const Random random(7, name);
    for (size_t i = 0; i < values.size(); ++i) signs[name].push_back(random.below(i, 2) ? 1 : -1);
  }
  const bool rounds = pair.config.precision == Precision::bfloat16;
  const bool clips = pair.config.attention.normalizer.name() == "clipped";
  const double relative = !rounds ? kGradientTolerance
                          : clips ? kClippedGradientTolerance
                                  : kRoundedGradientTolerance;
  const auto truth = slopes_along(signs, pair.settings, pair.weights, pair.problem);
  std::map<std::string, double> before, after;
  for (const Parameter& p : pair.model.parameters().all()) {
    INFO("gradient of ", p.name);
    double along = 0, squares = 0;
    for (int64_t i = 0; i < p.shape.size(); ++i) {
      const double g = p.variable.grad.data[i];
      along += g * signs[p.name][i];
      squares += g * g;
    }
    // Both are 0 where nothing reaches a weight, as behind a clip that lets no key through.
    const double tolerance = std::max(relative * std::sqrt(squares), lone_tolerance(pair, p));
    if (std::abs(along - truth.at(p.name)) <= tolerance) continue;
    if (before.empty()) {
      const double off = rounds ? kRoundedKink : kValueTolerance;
      before = slopes_with_kink_at(-off, signs, pair);
      after = slopes_with_kink_at(off, signs, pair);
    }
    const auto [low, high] = std::minmax(before.at(p.name), after.at(p.name));
    if (along >= low - tolerance && along <= high + tolerance) continue;
    // The errors of single numbers add up by random signs: three times their size is rare.
    const double noise = rounds ? 0 : 3 * kNoises * noise_of_gradient(pair, p) * std::sqrt(squares);
    CHECK(along >= low - tolerance - noise);
    CHECK(along <= high + tolerance + noise);
  }
}

}  // namespace waiver::reference
