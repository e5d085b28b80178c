#pragma once

#include <filesystem>
#include <optional>

#include "config/config.h"

namespace waiver {

/// The file of weights that training begins with, as train.from names its checkpoint; none where it
/// names none. Throws UsageError where there is no such checkpoint.
std::optional<DataFile> start_file(const Config& config);

/// Throws UsageError where training cannot begin with that checkpoint: it is damaged, or its
/// parameters are not those of the model.
void check_start(const Config& config, const Dataset& data);
/// Throws UsageError where that checkpoint is in the folder that the run itself will have.
void check_start_elsewhere(const Config& config, const std::filesystem::path& folder);

}  // namespace waiver
