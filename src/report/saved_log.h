#pragma once

#include <filesystem>
#include <optional>

#include "run/log_file.h"
#include "run/selection.h"

namespace waiver {

/// What is known of what selects a run's waiver, from its log and its mechanism.h5.
std::optional<Selection> saved_selection(const Log& log, const std::filesystem::path& run);

}  // namespace waiver
