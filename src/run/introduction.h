#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "model/transformer.h"
#include "run/crew.h"
#include "run/memory.h"
#include "train/trainer.h"

namespace waiver {

/// What a run says before it begins, a line each: the machine, its libraries and the speed of its
/// products, measured now; what slows it down; the model and its folder; how several ranks share
/// the work; memory; what the config does that is easily overlooked.
std::vector<std::string> introduction(const Config& config, const std::string& folder,
                                      const Transformer& model, const Trainer& trainer, Crew& crew,
                                      const MemoryUse& memory);

/// "float32 products" where there is no unit, else its name.
std::string unit_text(const std::string& unit);

}  // namespace waiver
