#pragma once

#include <string>

#include "inspect/saved.h"

namespace waiver {

/// Writes a model as a folder of the hub, config.json and model.safetensors in float32, which must
/// not exist yet; returns the family whose form it has. `family`: the one to try; empty: all. What
/// is read back is compared with the model first, so a model that has something which a family
/// cannot say is refused by name, with UsageError, before anything is written.
std::string export_published(const SavedWeights& saved, const std::string& folder,
                             const std::string& family);

}  // namespace waiver
