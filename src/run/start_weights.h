#pragma once

#include <filesystem>

#include "config/config.h"
#include "run/identity.h"

namespace waiver {

/// What a run of this config learns from: its data, and the weights that train.from names. Throws
/// UsageError where there is no such checkpoint.
DataRecord record_of(const Config& config, const Dataset& data);

/// Throws UsageError where training cannot begin with that checkpoint: it is damaged, of another
/// model (mask, precision and dropout aside), or knows other tokens than the data has.
void check_start(const Config& config, const Dataset& data);
/// Throws UsageError where that checkpoint is in the folder that the run itself will have.
void check_start_elsewhere(const Config& config, const std::filesystem::path& folder);

}  // namespace waiver
