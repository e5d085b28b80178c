#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/ranks/ranks.h"
#include "data/dataset.h"
#include "model/transformer.h"
#include "train/config.h"

namespace waiver {

/// How many validation sequences are evaluated, and out of how many.
struct Coverage {
  int64_t sequences = 0;  // from the first onwards, each once
  int64_t windows = 0;    // that the data has; 0: no limit
  int64_t tokens = 0;     // T of each

  /// `all 10 sequences of 24`, `640 of 1743 sequences of 24`.
  std::string text() const;
};
/// What a run's own validations cover: min(windows, eval.batches · batch) sequences.
Coverage train_coverage(const TrainConfig& config, const Dataset& data, int64_t T);
/// All windows; eval.batches · batch sequences where there is no limit.
Coverage full_coverage(const TrainConfig& config, const Dataset& data, int64_t T);

/// Validation sequences 0 … sequences − 1 and how they pass through the model: at most `part` at a
/// time, edited by `intervention` (may be null).
struct Validation {
  uint64_t seed = 0;
  int64_t sequences = 0;
  int64_t part = 1;
  Intervention* intervention = nullptr;
};
/// What a run's own validations are.
Validation own_validation(const TrainConfig& config, const Dataset& data, int64_t T, uint64_t seed);
/// Mean loss over the targets: −log softmax(logits)[target] in nats, or the squared error of
/// answers, averaged over a token's features. Every target has the same weight and is added in
/// double, in the order of the sequences, so that `part` changes nothing beyond rounding.
double validation_loss(const Transformer& model, const Dataset& data, const Validation& validation,
                       Arena& arena);
/// The same over the targets at places ≥ f, for each f of `first`; NaN where there are none.
std::vector<double> validation_losses(const Transformer& model, const Dataset& data,
                                      const Validation& validation, std::span<const int64_t> first,
                                      Arena& arena);

/// The loss of `validation_loss`, to the bit, on rank 0, where several ranks share the passes; 0 on
/// the others. All ranks call it together. Throws Stopped on all where one was asked to stop.
double shared_validation_loss(const Transformer& model, const Dataset& data,
                              const Validation& validation, Arena& arena, Ranks& ranks);

/// A loss with its unit, to six decimals, or in scientific notation where it is too small for them.
std::string loss_text(double loss, const Dataset& data);
/// `nat`, or `1` of a squared error.
std::string loss_units(const Dataset& data);

}  // namespace waiver
