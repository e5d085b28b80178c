#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "inspect/saved.h"
#include "inspect/spec.h"
#include "probe/events/waiver_place.h"
#include "probe/series.h"

namespace waiver {

/// What a model shows under each arm of a spec and in its natural pass, on the same probe batch.
struct Effects {
  using Values = std::vector<std::vector<float>>;  // the numbers of each series, row-major

  std::vector<SeriesSpec> series;             // of every metric
  PositionNames positions;                    // those of the spec, and `waiver`
  std::optional<WaiverPlace> strongest = {};  // of the natural pass; none without attention
  Values natural = {};
  std::vector<Values> arms = {};

  /// REQUIRES: there is a series of that name.
  const std::vector<float>& of(const Values& values, std::string_view name) const;
};

/// What a model is read for that such a spec is run on.
Reading reading_for(const InterventionSpec& spec);

/// Throws UsageError where the waiver must be found but no block has attention, or where two names
/// turn out to denote one position.
Effects measure_effects(const SavedModel& saved, const InterventionSpec& spec);

/// An HDF5 file in the format of the log:
///   /natural/NAME       every series of the natural pass, [axes …]
///   /arms/NAME          the same for every arm, [arm, axes …]
///   /spec/arm_name [arm], position_name and position [named], text, checkpoint, updates
void write_effects(const std::filesystem::path& path, const SavedModel& saved,
                   const InterventionSpec& spec, const Effects& effects);

/// For people: for each arm its loss and risks, and α, E and r_V of each named position in each
/// head, with their differences from the natural pass; where there are many heads, only those that
/// attend most to these positions. Then all arms again, a line each, in the strongest head. Fitted
/// to `width` as by Table's to_text.
std::string effects_table(const SavedModel& saved, const InterventionSpec& spec,
                          const Effects& effects, int64_t width = 0);

}  // namespace waiver
