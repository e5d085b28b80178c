#pragma once

#include "core/ranks/ranks.h"
#include "run/directory.h"

namespace waiver {

/// Trains the model that `config` describes and writes the run directory. Whatever can be detected
/// beforehand is thrown as UsageError before anything is created. While running: NotFinite with the
/// state saved under failed/, Stopped with the state of the last whole step saved as a checkpoint,
/// Error for a full disk and the like; `status` says why.
/// With other ranks all of them call it: rank 0 is the run, the others do what it asks for and
/// write nothing; where it does not end well, they throw EndedElsewhere.
void train_run(const Config& config, const RunPlan& plan, Ranks& ranks = no_other_ranks());

}  // namespace waiver
