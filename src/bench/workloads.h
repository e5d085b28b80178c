#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "model/config.h"
#include "train/config.h"

namespace waiver {

/// A model, and how its training steps are timed.
struct Workload {
  std::string name;
  ModelConfig model;
  TrainConfig train;
  int64_t vocabulary = 0;
  bool backcopy = false;  // data of Bigram-Backcopy, else tokens drawn uniformly once
  bool probes = false;    // whether probing is timed too
  std::string setting;    // of the active switch, `model.attention.gate=value`; empty: none

  int64_t tokens() const { return train.batch * model.context; }
};

/// The names that `find_workloads` knows.
std::vector<std::string> workload_names();

/// The workloads of a name, one for each size. Throws UsageError that lists the known names.
std::vector<Workload> find_workloads(const std::string& name);

/// `lm`, which the workloads `switches` vary.
Workload plain_workload();

/// `switches`: the plain workload with one switch set as on the command line, for every kind of the
/// registries of model and optimizer, and for their options.
std::vector<Workload> switch_workloads();

/// Opened data for a workload.
std::unique_ptr<Dataset> workload_data(const Workload& workload);

}  // namespace waiver
