#pragma once

#include "reference/model.h"

namespace waiver::reference {

/// ∂loss/∂w for every number of every weight.
Weights<double> gradient(const Settings& settings, const Weights<double>& weights,
                         const Problem& problem);

/// For every weight, the derivative of the loss as only that weight moves along its direction.
std::map<std::string, double> slopes_along(const Weights<double>& directions,
                                           const Settings& settings, const Weights<double>& weights,
                                           const Problem& problem);

/// ∂loss/∂w for one number, as Im loss(w + i·1e-30) / 1e-30: nothing cancels, so it is exact to
/// machine precision.
double complex_step(const Settings& settings, const Weights<double>& weights,
                    const Problem& problem, const std::string& name, size_t index);

}  // namespace waiver::reference
