#pragma once

#include "data/dataset.h"
#include "probe/metrics/metric.h"

namespace waiver {

/// The memory that probing a model takes, in bytes, found without a pass: the pass of one part of
/// the probe batch, the gradients that are restored where metrics look at gradients, and the maps
/// of a snapshot, and what the mechanism tests take besides where they are asked for in training.
/// `row` is what one probe adds to the log, `map` what one snapshot adds.
struct ProbeMemory {
  int64_t pass = 0, gradients = 0, maps = 0, mechanism = 0;
  int64_t row = 0, map = 0;
};
/// `which`: only the metrics of training, or with on_demand all of them. Throws TooLarge. REQUIRES:
/// called in the rehearsal in which the model was built.
ProbeMemory probe_memory(const Transformer& model, const Dataset& data, const ProbeConfig& config,
                         When which = When::training);

}  // namespace waiver
