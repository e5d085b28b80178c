#pragma once

#include <string>
#include <vector>

#include "experiment/config.h"

namespace waiver {

/// What a run is made from and where it goes.
struct RunPlan {
  std::vector<std::string> overrides;  // as given on the command line
  std::string directory;
  bool resume = false;     // go on from the newest good checkpoint; start when there is none
  bool overwrite = false;  // remove what is there first
};

/// Trains the model that `config` describes and writes the run directory. Whatever can be found
/// wrong beforehand is thrown as UsageError before anything is created. While running: NotFinite
/// with the state saved under failed/, Stopped with the state of the last whole step saved as a
/// checkpoint, Error for a full disk and the like; `status` says why.
void train_run(const Config& config, const RunPlan& plan);

/// The first word of a run's status file: running, failed, stopped, done; empty where there is no
/// run.
std::string run_status(const std::string& directory);

}  // namespace waiver
