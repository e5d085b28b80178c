#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model/points.h"
#include "model/transformer.h"
#include "probe/probe_batch.h"

namespace waiver {

/// What a pass over probe sequences showed at named points.
struct CapturedPass {
  struct Values {
    PlacedPoint at;
    std::vector<float> numbers;  // of all sequences, of the shape that model/points.h says
  };

  Batch batch;
  std::vector<int64_t> lengths;  // of each sequence, without its padding
  std::vector<Values> points;    // in the order of the pass

  /// Null where it was not captured, as in blocks without attention.
  const std::vector<float>* find(int64_t layer, Point point) const;
};

using WantedPoints = std::function<bool(int64_t layer, Point point)>;

/// Passes the first `sequences` of the probe split through the model, as a probe with this seed
/// does: where the data masks tokens, logits are those of the masked sequences, and all else is
/// that of the unmasked ones. Throws as probe_batch does.
CapturedPass capture_pass(const Transformer& model, const Dataset& data, uint64_t seed,
                          int64_t sequences, const ProbeTokens& tokens, const WantedPoints& wanted);

/// The memory that it takes, in bytes, with all points wanted, until they are written to a file
/// (core/files/hdf5.h). Throws TooLarge. REQUIRES: called in the rehearsal in which the model was
/// built.
int64_t capture_memory(const Transformer& model, int64_t sequences);

}  // namespace waiver
