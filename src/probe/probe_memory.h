#pragma once

#include "data/dataset.h"
#include "probe/metrics/metric.h"

namespace waiver {

/// What probing a model takes, in bytes, without a pass: the pass of one part of the probe batch,
/// the gradients that are put back where metrics look at gradients, and the maps of a snapshot.
/// `row` is what one probe adds to the log, `map` what one snapshot does.
struct ProbeMemory {
  int64_t pass = 0, gradients = 0, maps = 0;
  int64_t row = 0, map = 0;
};
/// `which`: the metrics of training alone, or with on_demand all of them. Throws TooLarge.
/// REQUIRES: a rehearsal, in which the model was built.
ProbeMemory probe_memory(const Transformer& model, const Dataset& data, const ProbeConfig& config,
                         When which = When::training);

}  // namespace waiver
