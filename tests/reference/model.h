#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/dropout.h"
#include "reference/scalar.h"
#include "reference/settings.h"

/// The transformer once more, as plain loops over scalars: the yardstick for the fast code, with
/// which it shares only the names of settings and weights, and the random numbers of dropout.
/// Everything is written to be read.
namespace waiver::reference {

template <class S>
using Weights = std::map<std::string, std::vector<S>>;

struct Problem {
  int64_t vocabulary = 0, batch = 0, length = 0;
  std::vector<int32_t> tokens, targets;            // [B·T]; a target of −1: none
  std::vector<int32_t> positions;                  // [T]
  std::optional<Noise> noise = {};                 // in training
  std::vector<float> features = {}, answers = {};  // [B·T, C], where the model takes features or
                                                   // gives no logits
};

template <class S>
struct Output {
  S loss;                 // mean cross-entropy over the targets, or squared error of the stream
  std::vector<S> logits;  // [B·T, V], or the stream after the last norm [B·T, C]
};

/// Every weight that a model with these settings has, and its shape.
std::map<std::string, std::vector<int64_t>> weight_shapes(const Settings& settings,
                                                          int64_t vocabulary);

/// S is double, Dual or std::complex<double>. Throws Error for a kind that it does not know.
template <class S>
Output<S> run(const Settings& settings, const Weights<S>& weights, const Problem& problem);

}  // namespace waiver::reference
