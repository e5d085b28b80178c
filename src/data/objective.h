#pragma once

#include "data/dataset.h"

namespace waiver {

/// What is predicted in the sequences of a dataset.
class Objective {
 public:
  virtual ~Objective() = default;
  virtual void options(FieldVisitor&) {}
  /// Why the options do not fit together; empty when they do.
  virtual std::string refuse() const { return {}; }
  /// Whether the predictions are probabilities of tokens rather than real-valued answers.
  virtual bool predicts_tokens() const { return true; }
  /// Whether tokens are masked in the input, so that the model may see what follows.
  virtual bool hides_tokens() const { return false; }
  /// The dataset with inputs and targets as the objective defines them; the first `given` tokens
  /// are visible to every query (a prefix mask). REQUIRES: `data` is open.
  virtual std::unique_ptr<Dataset> apply(std::unique_ptr<Dataset> data, int64_t given) const = 0;
};

}  // namespace waiver
