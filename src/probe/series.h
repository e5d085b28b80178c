#pragma once

#include <string>
#include <vector>

#include "core/fields/fields.h"

namespace waiver {

/// A quantity that is logged over time: its name, the axes it has besides the step, what it means.
struct SeriesSpec {
  std::string group;  // train, eval, probe, snapshot
  std::string name;
  std::vector<std::string>
      axes;           // after step: of layer, head, sequence, position, query, key, added
  std::string units;  // "1" for shares and ratios, "nat", …
  std::string long_name;
  std::string description;  // formula and source
  Range range = {};         // where its values can lie, up to rounding and NaN
};

/// `[0, 1]`, `[0, ∞)`, `(−∞, ∞)`.
std::string interval_text(const Range& range);

}  // namespace waiver
