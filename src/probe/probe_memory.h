#pragma once

#include <cstdint>
#include <span>

#include "data/dataset.h"
#include "probe/edits/edits.h"
#include "probe/metrics/metric.h"

namespace waiver {

/// The memory that probing a model takes, in bytes, found without a pass: the pass of one part of
/// the probe batch, the gradients that are restored where metrics look at gradients, what metrics
/// hold besides their series, and the maps of a snapshot. `row` is what one probe adds
/// to the log, `map` what one snapshot adds.
struct ProbeMemory {
  int64_t pass = 0, gradients = 0, held = 0, maps = 0;
  int64_t row = 0, map = 0;

  /// Without maps.
  int64_t metrics() const { return pass + gradients + held; }
};
// All of these throw TooLarge. REQUIRES: called in the rehearsal in which the model was built.

/// What a pass of `rows` sequences takes, in bytes, without gradients and showing nothing. `frees`:
/// block by block (Tape::let_recompute).
int64_t forward_memory(const Transformer& model, int64_t rows, Intervention* change = nullptr,
                       bool frees = false);

/// `which`: as of a Prober.
ProbeMemory probe_memory(const Transformer& model, const Dataset& data, const ProbeConfig& config,
                         When which = When::training);

/// What the mechanism tests take, in bytes: a prober of their own, and what they keep of passes.
int64_t mechanism_memory(const Transformer& model, const Dataset& data, const ProbeConfig& config);

/// What passes under these edits take besides those of a prober: what donors had in the natural
/// pass, and effective encodings.
int64_t edits_memory(const Transformer& model, int64_t batch, std::span<const EditConfig> edits);

}  // namespace waiver
