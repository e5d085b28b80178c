#pragma once

#include <string>
#include <vector>

#include "model/config.h"

namespace waiver {

/// What is wrong with the patterns of train.freeze for this model: each must match a parameter, and
/// together they must leave one. REQUIRES: the model has no misfits of its own.
std::vector<ModelConfig::Misfit> freeze_misfits(const ModelConfig& model,
                                                const std::vector<std::string>& patterns);

}  // namespace waiver
