#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/files/json.h"
#include "run/log_file.h"
#include "run/selection.h"

namespace waiver {

/// What is known of a run besides its log.
struct RunPage {
  std::filesystem::path folder;
  std::string state;      // of one that is not finished, a sentence; else empty
  std::string looked_at;  // of a model that was probed for the page, on what; else empty
  std::optional<Selection> selection;
  std::filesystem::path page;  // the page's file: links are relative to its folder
};

/// The last part of the path of a run's or sweep's folder.
std::string name_of_folder(const std::filesystem::path& folder);

/// The data of a run's page: what was trained; the sentence, what selects the waiver, the state and
/// what is missing, as texts; the story, strongest keys, α by position and snapshots
/// (report/probe_data.h); /train, /eval, the scalar series of /probe, /timing; `ops`: milliseconds
/// an update by operation and pass, from environment.json; links to the
/// checkpoints; the config. Parts that the log does not have are null. Throws Error where the log
/// is damaged.
Json run_data(const Log& log, const RunPage& run);

}  // namespace waiver
