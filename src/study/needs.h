#pragma once

#include <string>
#include <vector>

#include "run/memory.h"
#include "study/record.h"

namespace waiver {

/// What is known of a run before it is trained.
struct RunNeeds {
  DataRecord data;
  RunDigests digests;
  MemoryUse memory;

  /// Opens the data. Throws UsageError where it cannot be opened, or the run does not fit into
  /// memory.
  static RunNeeds of(const StudyRun& run);
  /// What the run computes, up to a factor that is about the same for all: steps · tokens of a step
  /// · parameters.
  double work(const Config& config) const;
};

/// Of these runs of a study; default-constructed for the others.
std::vector<RunNeeds> needs_of(const Study& study, const std::vector<size_t>& runs);
std::vector<RunDigests> digests_of(const std::vector<RunNeeds>& needs);

/// 0 … n − 1.
std::vector<size_t> all_runs(const Study& study);

/// Throws UsageError where so many of these runs do not fit into memory side by side.
void require_side_by_side(const std::vector<RunNeeds>& needs, const std::vector<size_t>& runs,
                          int64_t side_by_side);

}  // namespace waiver
