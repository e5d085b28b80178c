#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "config/config.h"
#include "core/files/json.h"
#include "run/log_file.h"
#include "run/selection.h"
#include "study/index.h"

namespace waiver {

/// A run with a log.
struct ShownRun {
  Log log;
  Config config;
  std::optional<Selection> selection;  // what its mechanism.h5 says
};

/// Throws UsageError where the run has no log, Error where that is damaged.
ShownRun open_shown_run(const std::filesystem::path& run);

/// What a sweep's mechanism.json says of its runs, which it tested at their end.
class SweepMechanism {
 public:
  explicit SweepMechanism(const std::filesystem::path& sweep);
  /// None where it says nothing of this run, whose last probe is of this step.
  std::optional<Selection> find(const SweepIndex::Run& run, int64_t step) const;

 private:
  std::filesystem::path file_;
  Json json_;
};

/// The newest of what the run itself and its sweep say.
std::optional<Selection> newest_selection(const ShownRun& run,
                                          const std::optional<Selection>& of_sweep);

/// What the sweep says of a run in whose folder it lies, if it does.
std::optional<Selection> selection_in_sweep(const std::filesystem::path& run, int64_t step);

}  // namespace waiver
