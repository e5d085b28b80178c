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
/// Markdown: every one of them, and what it means.
std::string mechanism_docs();
/// Whether a hypothesis's number is one of them, under a name of its own.
bool is_series(const std::string& hypothesis, const std::string& number);
/// A number for each of them, by name.
std::vector<std::pair<std::string, double>> numbers_of(const Mechanism& mechanism);

}  // namespace waiver
