#pragma once

#include <optional>
#include <string>

#include "autograd/ops/ops.h"
#include "core/fields/fields.h"

namespace waiver {

struct DropoutConfig {
  double attention = 0.0;
  double residual = 0.0;
  double embedding = 0.0;

  void visit(FieldVisitor& v);
};

/// What dropout draws from in training. An input that holds part of a step's batch says with which
/// sequence of the batch it begins, so that the parts together drop what the whole batch would.
struct Noise {
  uint64_t seed = 0;
  int64_t step = 0;
  int64_t first_sequence = 0;
};

/// Dropout at one place of the model (Srivastava et al., JMLR 2014): what is dropped is a function
/// of seed, step, place, and the element's index within the whole batch; what is kept is divided by
/// 1 − p. Nothing is dropped without noise, or where p is 0.
class Dropout {
 public:
  Dropout(std::string place, double p) : place_("dropout " + std::move(place)), p_(p) {}

  /// x holds `batch` sequences.
  Variable apply(Tape& tape, Variable x, const std::optional<Noise>& noise, int64_t batch) const {
    if (!noise || p_ == 0) return x;
    const Random random(noise->seed, place_, static_cast<uint64_t>(noise->step));
    const int64_t sequence = x.value.size() / batch;
    return dropout(tape, x, p_, random, static_cast<uint64_t>(noise->first_sequence * sequence));
  }

 private:
  std::string place_;
  double p_;
};

}  // namespace waiver
