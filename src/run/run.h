#pragma once

#include "run/directory.h"

namespace waiver {

/// Trains the model that `config` describes and writes the run directory. Whatever can be detected
/// beforehand is thrown as UsageError before anything is created. While running: NotFinite with the
/// state saved under failed/, Stopped with the state of the last whole step saved as a checkpoint,
/// Error for a full disk and the like; `status` says why.
void train_run(const Config& config, const RunPlan& plan);

}  // namespace waiver
