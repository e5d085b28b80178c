#pragma once

#include <string>

namespace waiver {

/// The series that says what an edit costs: `loss`, or `output_distance` where the model predicts
/// nothing. `has` says whether a series of a name is measured.
template <class F>
std::string cost_series(const F& has) {
  return has(std::string("loss")) ? "loss" : "output_distance";
}

}  // namespace waiver
