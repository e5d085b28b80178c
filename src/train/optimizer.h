#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/fields/kind.h"
#include "model/parameters.h"

namespace waiver {

/// What one update needs besides the parameters.
struct Update {
  int64_t step = 0;          // updates made before this one
  double lr_factor = 1.0;    // the schedule's factor on lr
  double grad_factor = 1.0;  // the clip's factor on the gradients
};

/// A rule that moves the weights against their gradients.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual void options(FieldVisitor&) = 0;
  virtual double lr() const = 0;
  /// Why these options make no sense together, or an empty string.
  virtual std::string refuse() const { return {}; }

  /// Allocates the state, zeroed. No update touches parameters without a gradient. Whatever a rule
  /// draws at random comes from `seed`, so only the state needs saving.
  virtual void build(const ParameterSet& parameters, uint64_t seed) = 0;
  virtual void update(ParameterSet& parameters, const Update& how) = 0;
  /// The named state arrays, each laid out like `parameters.values()`.
  struct State {
    std::string name;
    std::span<float> values;
  };
  virtual std::vector<State> state() = 0;
};

}  // namespace waiver
