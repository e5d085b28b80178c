#pragma once

#include "core/files/json.h"
#include "run/memory.h"
#include "run/plan/pace.h"

namespace waiver {

/// What training a config takes: counted, estimated, and, for the time, measured here for some
/// seconds.
struct Plan {
  MemoryUse memory;                  // of the whole run, at its peak
  double flops_a_token = 0;          // useful ones (model/flops.h)
  double flops_a_step = 0;           // of train.batch · context tokens
  Pace pace;                         // on this machine as it is now
  double step_flops_per_second = 0;  // useful ones, in training
  double peak_flops_per_second = 0;  // of products of the config's precision here

  /// Opens the data; writes nothing. Throws UsageError where the data cannot be opened or the run
  /// does not fit into memory. `seconds`: of training, at the least two steps.
  static Plan of(const Config& config, double seconds);
  /// For people, in `width` columns; 0: no limit.
  std::string text(const Config& config, int64_t width = 0) const;
  Json json(const Config& config) const;
};

}  // namespace waiver
