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

/// Numbers [begin, end) of the flat views of all parameters (ParameterSet).
struct Slice {
  int64_t begin = 0, end = 0;

  int64_t size() const { return end - begin; }
  bool holds(int64_t number) const { return begin <= number && number < end; }
};

/// A rule that moves the weights against their gradients. Several ranks may have a slice each.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual void options(FieldVisitor&) = 0;
  virtual double lr() const = 0;
  /// Why these options make no sense together, or an empty string.
  virtual std::string refuse() const { return {}; }

  /// Where the flat views may be cut into slices, in order, both ends included.
  virtual std::vector<int64_t> cuts(const ParameterSet& parameters) const = 0;
  /// Allocates the state of a slice, zeroed. No update touches other numbers, or parameters without
  /// a gradient. Whatever a rule draws at random comes from `seed`, so only the state needs saving.
  virtual void build(const ParameterSet& parameters, uint64_t seed, const Slice& own) = 0;
  void build(const ParameterSet& parameters, uint64_t seed) {
    build(parameters, seed, {0, std::ssize(parameters.values())});
  }
  virtual void update(ParameterSet& parameters, const Update& how) = 0;
  /// The named state arrays, each laid out like its slice of `parameters.values()`.
  struct State {
    std::string name;
    std::span<float> values;
  };
  virtual std::vector<State> state() = 0;
};

}  // namespace waiver
