#pragma once

#include "core/files/json.h"
#include "run/memory.h"
#include "run/plan/pace.h"
#include "run/plan/scaling.h"

namespace waiver {

/// What training a config takes: counted, estimated, and, for the time, measured here for some
/// seconds.
class Plan {
 public:
  MemoryUse memory;                  // of the whole run, at its peak
  double flops_a_token = 0;          // useful ones (model/flops.h)
  double flops_a_step = 0;           // of train.batch · context tokens
  Pace pace;                         // on this machine as it is now
  double step_flops_per_second = 0;  // useful ones, in training
  double peak_flops_per_second = 0;  // of products of the config's precision here
  Network network;
  std::vector<Scaling> scaling;  // the first is one rank of as many threads as here

  /// Opens the data; writes nothing. Throws UsageError where the data cannot be opened or the run
  /// does not fit into memory. `seconds`: of training, at the least two steps; `ranks` and
  /// `threads`: every number of the one with every number of the other is simulated.
  static Plan of(const Config& config, double seconds, const std::vector<int64_t>& ranks,
                 const std::vector<int64_t>& threads, const Network& network);
  /// For people, in `width` columns; 0: no limit.
  std::string text(const Config& config, int64_t width = 0) const;
  Json json(const Config& config) const;

 private:
  std::string scaling_text(int64_t width) const;
  std::string idle_text(int64_t width) const;
};

}  // namespace waiver
