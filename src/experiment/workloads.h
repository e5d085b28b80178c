#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "model/config.h"

namespace waiver {

/// A model and the batches that it is timed on.
struct Workload {
  std::string name;
  ModelConfig model;
  int64_t vocabulary = 0, batch = 0;
  bool backcopy = false;  // data of Bigram-Backcopy, else tokens drawn uniformly once
  bool probes = false;    // whether probing is timed too
  std::string setting;    // of the switch that is on, `attention.gate value`; empty: none is

  int64_t tokens() const { return batch * model.context; }
};

/// The names that `find_workloads` knows.
std::vector<std::string> workload_names();

/// The workloads of a name, one for each size. Throws UsageError that lists the known names.
std::vector<Workload> find_workloads(const std::string& name);

/// What the workloads `switches` are without their switch: `lm`.
Workload plain_workload();

/// Floating-point operations of one token's training step that the mathematics asks for:
///   6 · (parameters in matrix products, the output's included) + 6 · layers · T · width,
/// a multiplication and an addition for each weight, three times (forward, the inputs' gradient,
/// the weights' gradient); attention counts the half of its products that a causal mask shows. R
/// sink tokens go through the blocks too, and are seen by all: (T + R) / T times the weights of
/// blocks, and T + 2R in place of T.
double useful_flops_per_token(const Workload& workload);

/// Opened data for a workload.
std::unique_ptr<Dataset> workload_data(const Workload& workload);

}  // namespace waiver
