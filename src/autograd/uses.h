#pragma once

#include <algorithm>
#include <vector>

#include "core/arena.h"

namespace waiver {

/// The gradients that each use of a parameter adds by itself. One process adds the sums over a
/// whole batch, use by use, in the order of backward; where each of several ranks has a share of
/// the batch, the shares of every use have to be added up before that.
class Uses {
 public:
  struct Use {
    float* parameter;  // its own gradient, which has the first use
    Tensor gradient;   // of a further one
  };

  /// Where the next use of the parameter with this gradient adds to, zeroed but for what the first
  /// use finds there.
  Tensor next(const Tensor& gradient) {
    if (std::ranges::find(seen_, gradient.data) == seen_.end()) {
      seen_.push_back(gradient.data);
      return gradient;
    }
    further_.push_back({gradient.data, memory_.zeros(gradient.shape)});
    return further_.back().gradient;
  }
  /// All further uses in the order of backward.
  const std::vector<Use>& further() const { return further_; }
  /// Forgets a pass.
  void reset() {
    seen_.clear();
    further_.clear();
    memory_.reset();
  }

 private:
  std::vector<const float*> seen_;
  std::vector<Use> further_;
  Arena memory_;
};

}  // namespace waiver
