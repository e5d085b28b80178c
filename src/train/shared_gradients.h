#pragma once

#include "autograd/uses.h"
#include "train/deal.h"
#include "train/slices.h"

namespace waiver {

/// The gradients of a step whose passes several ranks make, added up to the bits of one process.
/// Whoever owns a slice receives the slice of every pass's gradients, those of further uses of a
/// parameter (autograd/uses.h) apart, and adds them in the batch's tree. All ranks call
/// these functions together.
class SharedGradients {
 public:
  /// Numbers [begin, end) of the flat views that a further use adds to, in the order of backward.
  struct Further {
    int64_t begin, end;
  };
  SharedGradients(const Slices& slices, ParameterSet& parameters, std::vector<Further> further);

  /// What the rank that sends the most sends in a step, in bytes: of each of its passes all parts
  /// but its own, and its slice of the weights to all. Norms and losses, which travel too, are not
  /// counted.
  int64_t most_sent(const Deal& deal) const;

  /// Before the first round of a step.
  void start();
  /// Sends the gradients of this rank's k-th pass of the round, where it has one, and receives.
  void exchange(const Deal::Round& round, int64_t k, const Uses& uses);
  /// Adds up what a round's exchanges brought.
  void add(const Deal::Round& round);
  /// After the last: the own slice of parameters.grads() has the sums. Returns the norm of all.
  double finish();

 private:
  // Numbers of the flat views, or of a further use's gradient, that go to the owner of a slice.
  struct Part {
    int64_t use;  // −1: none
    Slice numbers;
  };
  std::vector<Part> parts_for(int64_t rank) const;
  Slice needed(int64_t rank) const;
  float* slot(int64_t pass) { return slots_.data() + pass * slot_size_; }
  int64_t combine(const Deal::Round& round, int64_t accumulated, int64_t begin, int64_t end);

  const Slices& slices_;
  Ranks& ranks_;
  ParameterSet& parameters_;
  std::vector<Further> further_;
  std::vector<std::vector<Part>> parts_;  // by rank
  Slice needed_;
  int64_t slot_size_ = 0;
  std::vector<float> slots_, sums_;
};

}  // namespace waiver
