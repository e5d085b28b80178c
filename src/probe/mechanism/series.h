#pragma once

#include <string>
#include <utility>
#include <vector>

#include "probe/mechanism/mechanism.h"
#include "probe/series.h"

namespace waiver {

/// The mechanism as series of /mechanism over steps: the key whose selection is studied, what
/// selects it, with what numbers, and the outcome of each hypothesis.
std::vector<SeriesSpec> mechanism_series();
/// A number for each of them, by name.
std::vector<std::pair<std::string, double>> numbers_of(const Mechanism& mechanism);

/// Why the mechanism of such a model cannot be asked for, or an empty string.
std::string refuse_mechanism(const ModelConfig& model);

}  // namespace waiver
